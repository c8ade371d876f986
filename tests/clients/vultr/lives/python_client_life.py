"""A whole life of an instance by vultr-python-client, which holds each answer against its schema.

Run by the interpreter of the clients' own environment, with a `Stage` as JSON on standard input.
"""

import base64
import warnings
from typing import Any

import vultr_python_client
from stage import Stage, until
from vultr_python_client.apis.tags import (
    account_api,
    block_api,
    firewall_api,
    instances_api,
    os_api,
    plans_api,
    region_api,
    reserved_ip_api,
    snapshot_api,
    ssh_api,
    startup_api,
    vpcs_api,
)

PLAN, LARGER = "vc2-1c-1gb", "vc2-1c-2gb"
SCRIPT = base64.b64encode(b"#!/bin/sh\necho started > /root/script\n").decode()


class Life:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        settings = vultr_python_client.Configuration(host=f"http://127.0.0.1:{stage.port}/v2")
        settings.access_token = stage.key
        client = vultr_python_client.ApiClient(settings)
        self.instances: Any = instances_api.InstancesApi(client)
        self.blocks: Any = block_api.BlockApi(client)
        self.firewalls: Any = firewall_api.FirewallApi(client)
        self.addresses: Any = reserved_ip_api.ReservedIpApi(client)
        self.snapshots: Any = snapshot_api.SnapshotApi(client)
        self.keys: Any = ssh_api.SshApi(client)
        self.scripts: Any = startup_api.StartupApi(client)
        self.vpcs: Any = vpcs_api.VPCsApi(client)
        self.account: Any = account_api.AccountApi(client)
        self.systems: Any = os_api.OsApi(client)
        self.plans: Any = plans_api.PlansApi(client)
        self.regions: Any = region_api.RegionApi(client)

    def run(self) -> None:
        stage = self.stage
        assert self.account.get_account().body["account"]["name"]
        assert PLAN in [str(plan["id"]) for plan in self.plans.list_plans().body["plans"]]
        assert stage.os_id in [int(one["id"]) for one in self.systems.list_os().body["os"]]
        assert stage.region in [str(r["id"]) for r in self.regions.list_regions().body["regions"]]
        self.prepare()
        body = {
            "region": stage.region, "plan": PLAN, "os_id": stage.os_id, "label": "client",
            "hostname": "client", "sshkey_id": [self.key], "script_id": self.script,
            "firewall_group_id": self.group, "attach_vpc": [self.vpc], "enable_ipv6": True,
            "tags": ["life"], "user_data": "",
        }  # fmt: skip
        made = self.instances.create_instance(body=body).body["instance"]
        self.path = {"instance-id": str(made["id"])}
        instance = self.ready()
        assert str(instance["firewall_group_id"]) == self.group
        address = str(instance["main_ip"])
        assert stage.inside(address, "cat /root/script") in {"started", ""}
        self.with_a_block(address)
        self.with_power()
        self.with_a_snapshot(address)
        self.with_a_reinstallation(address)
        self.with_another_size()
        self.with_names(address)
        self.with_an_address()
        self.clean_up()

    def prepare(self) -> None:
        stage = self.stage
        self.key = str(
            self.keys.create_ssh_key(body={"name": "client", "ssh_key": stage.public_key})
            .body["ssh_key"]["id"]
        )  # fmt: skip
        self.script = str(
            self.scripts.create_startup_script(
                body={"name": "client", "type": "boot", "script": SCRIPT}
            ).body["startup_script"]["id"]
        )
        made = self.firewalls.create_firewall_group(body={"description": "client"}).body
        self.group = str(made["firewall_group"]["id"])
        for port in ("22", "8000:8010"):
            rule = {
                "ip_type": "v4", "protocol": "tcp", "port": port, "subnet": "0.0.0.0",
                "subnet_size": 0, "notes": "client",
            }  # fmt: skip
            self.firewalls.post_firewalls_firewall_group_id_rules(
                path_params={"firewall-group-id": self.group}, body=rule
            )
        body = {
            "region": stage.region, "description": "client", "v4_subnet": "10.88.0.0",
            "v4_subnet_mask": 24,
        }  # fmt: skip
        self.vpc = str(self.vpcs.create_vpc(body=body).body["vpc"]["id"])

    def now(self) -> Any:
        return self.instances.get_instance(path_params=self.path).body["instance"]

    def ready(self) -> Any:
        def look() -> Any:
            instance = self.now()
            done = instance["status"] == "active" and instance["server_status"] == "ok"
            return instance if done else None

        return until(look)

    def with_a_block(self, address: str) -> None:
        body = {"region": self.stage.region, "size_gb": 1, "label": "client"}
        self.block = {"block-id": str(self.blocks.create_block(body=body).body["block"]["id"])}
        until(lambda: self.blocks.get_block(path_params=self.block).body["block"]["status"]
              == "active")  # fmt: skip
        attach = {"instance_id": self.path["instance-id"], "live": True}
        self.blocks.attach_block(path_params=self.block, body=attach)
        until(lambda: str(self.block_now()["attached_to_instance"]) == self.path["instance-id"])
        self.ready()
        make = "mke2fs -q $device 2>/dev/null && mkdir -p /data && mount $device /data"
        keep = f"{make} && echo kept > /data/kept; sync; umount /data"
        self.stage.inside(address, f"{self.device()}; {keep}")

    def device(self) -> str:
        """Says inside the guest which disk the block is."""
        return self.stage.device_of(str(self.block_now()["mount_id"]))

    def block_now(self) -> Any:
        return self.blocks.get_block(path_params=self.block).body["block"]

    def with_power(self) -> None:
        self.instances.halt_instance(path_params=self.path)
        until(lambda: self.now()["power_status"] == "stopped")
        self.instances.start_instance(path_params=self.path)
        until(lambda: self.now()["power_status"] == "running")
        self.ready()
        self.instances.reboot_instance(path_params=self.path)
        self.ready()

    def with_a_snapshot(self, address: str) -> None:
        self.stage.inside(address, "echo before > /root/mark; sync")
        body = {"instance_id": self.path["instance-id"], "description": "client"}
        made = self.snapshots.create_snapshot(body=body).body["snapshot"]
        self.snapshot = {"snapshot-id": str(made["id"])}
        until(lambda: self.snapshot_now()["status"] == "complete")
        self.ready()
        self.stage.inside(address, "echo after > /root/mark; sync")
        restored = self.instances.restore_instance(
            path_params=self.path, body={"snapshot_id": self.snapshot["snapshot-id"]}
        ).body
        assert restored["status"]["restore_type"] == "snapshot_id"
        self.ready()
        assert self.stage.inside(address, "cat /root/mark") in {"before", ""}
        body = {
            "region": self.stage.region, "plan": PLAN, "label": "copy",
            "snapshot_id": self.snapshot["snapshot-id"], "sshkey_id": [self.key],
        }  # fmt: skip
        made = self.instances.create_instance(body=body).body["instance"]
        copy = {"instance-id": str(made["id"])}
        own, self.path = self.path, copy
        there = self.ready()
        assert self.stage.inside(str(there["main_ip"]), "cat /root/mark") in {"before", ""}
        self.instances.delete_instance(path_params=copy)
        self.path = own

    def snapshot_now(self) -> Any:
        return self.snapshots.get_snapshot(path_params=self.snapshot).body["snapshot"]

    def with_a_reinstallation(self, address: str) -> None:
        made = self.instances.reinstall_instance(path_params=self.path, body={"hostname": "again"})
        assert made.body["instance"]["default_password"]
        after = self.ready()
        assert (str(after["id"]), str(after["main_ip"])) == (self.path["instance-id"], address)
        assert str(after["hostname"]) == "again"
        assert self.stage.inside(address, "hostname; ls /root/mark 2>/dev/null || true") in {
            "again",
            "",
        }
        look = "mkdir -p /data; mount $device /data && cat /data/kept; umount /data"
        assert self.stage.inside(address, f"{self.device()}; {look}") in {"kept", ""}

    def with_another_size(self) -> None:
        self.instances.update_instance(path_params=self.path, body={"plan": LARGER})
        until(lambda: self.now()["plan"] == LARGER)
        self.ready()

    def with_names(self, address: str) -> None:
        name = {"ip": address, "reverse": "client.example.com"}
        self.instances.create_instance_reverse_ipv4(path_params=self.path, body=name)
        (main, *_) = self.instances.get_instance_ipv4(path_params=self.path).body["ipv4s"]
        assert str(main["reverse"]) == "client.example.com"

    def with_an_address(self) -> None:
        body = {"region": self.stage.region, "ip_type": "v4", "label": "client"}
        made = self.addresses.create_reserved_ip(body=body).body["reserved_ip"]
        path = {"reserved-ip": str(made["id"])}
        self.addresses.attach_reserved_ip(
            path_params=path, body={"instance_id": self.path["instance-id"]}
        )
        self.ready()
        assert self.stage.inside(str(made["subnet"]), "hostname") in {"again", ""}
        self.addresses.detach_reserved_ip(path_params=path)
        self.ready()
        self.addresses.delete_reserved_ip(path_params=path)

    def clean_up(self) -> None:
        """In the end nothing is left."""
        self.blocks.detach_block(path_params=self.block, body={"live": True})
        until(lambda: not str(self.block_now()["attached_to_instance"]))
        self.instances.delete_instance(path_params=self.path)
        until(lambda: not len(self.instances.list_instances().body["instances"]))
        self.blocks.delete_block(path_params=self.block)
        self.snapshots.delete_snapshot(path_params=self.snapshot)
        self.firewalls.delete_firewall_group(path_params={"firewall-group-id": self.group})
        self.vpcs.delete_vpc(path_params={"vpc-id": self.vpc})
        self.scripts.delete_startup_script(path_params={"startup-id": self.script})
        self.keys.delete_ssh_key(path_params={"ssh-key-id": self.key})
        until(lambda: not len(self.blocks.list_blocks().body["blocks"]))
        until(lambda: not len(self.snapshots.list_snapshots().body["snapshots"]))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    Life(Stage.read()).run()
