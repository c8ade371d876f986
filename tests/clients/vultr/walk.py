"""A walk through every operation of Vultr's document that we serve, in the order of a life.

Each answer is held against the document. Called by a test, and by `report.py`.
"""

from typing import Any

from tests.api.keys import ED25519
from tests.clients.vultr import oracle
from tests.clients.walking import Walker

Json = dict[str, Any]
REGION, PLAN, LARGER, SYSTEM = "ewr", "vc2-1c-1gb", "vc2-1c-2gb", 9001
METAL = "vbm-4c-32gb"
SCRIPT = "IyEvYmluL3NoCg=="


class Walk(Walker):
    def __init__(self, url: str, key: str) -> None:
        super().__init__(f"{url}/v2", {"Authorization": f"Bearer {key}"}, oracle.deviations)

    def go(self) -> None:
        self.catalogue()
        things = self.things()
        instance = self.instance(things)
        self.addresses(instance)
        self.networks(instance, things)
        self.disks(instance)
        self.facts(instance)
        self.discs(instance)
        self.powers("instances", "instance_ids", instance)
        self.metal(things)
        self.not_served()
        self.changes(things)
        self.end(instance, things)
        self.http.close()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        name = oracle.operation_of(method, path)
        assert name is not None, f"the document has no {method} {path}"
        return self.noted(name, method, path, body, "error")

    def ready(self, path: str) -> Json:
        def look() -> Any:
            shown: Json = self.http.get(path).json()["instance"]
            return shown if shown["server_status"] == "ok" else None

        found: Json = self.until(look)
        return found

    def catalogue(self) -> None:
        for path in (
            "/account", "/plans", "/plans-metal", "/regions", f"/regions/{REGION}/availability",
            "/os", "/applications", "/iso-public", "/iso", "/users", "/backups",
        ):  # fmt: skip
            self.ask("GET", path)

    def made(self, path: str, noun: str, body: Json) -> str:
        """The id of a new thing, which is listed and shown as well."""
        thing_id = str(self.ask("POST", path, body)[noun]["id"])
        self.ask("GET", path)
        self.ask("GET", f"{path}/{thing_id}")
        return thing_id

    def things(self) -> Json:
        """What instances are made with."""
        group = self.made("/firewalls", "firewall_group", {"description": "walk"})
        rule = {"ip_type": "v4", "protocol": "tcp", "port": "80", "subnet": "192.0.2.0",
                "subnet_size": 24, "source": "", "notes": "walk"}  # fmt: skip
        rules = f"/firewalls/{group}/rules"
        number = self.ask("POST", rules, rule)["firewall_rule"]["id"]
        self.ask("GET", rules)
        self.ask("GET", f"{rules}/{number}")
        net = {"region": REGION, "description": "walk", "v4_subnet_mask": 24}
        vpc = self.made("/vpcs", "vpc", net | {"v4_subnet": "10.41.0.0"})
        old = self.made("/private-networks", "network", net | {"v4_subnet": "10.42.0.0"})
        two = {"region": REGION, "description": "walk", "ip_type": "v4", "ip_block": "10.43.0.0",
               "prefix_length": 24}  # fmt: skip
        return {
            "key": self.made("/ssh-keys", "ssh_key", {"name": "walk", "ssh_key": ED25519}),
            "script": self.made(
                "/startup-scripts", "startup_script",
                {"name": "walk", "type": "boot", "script": SCRIPT},
            ),
            "group": group, "rule": f"{rules}/{number}", "vpc": vpc, "old": old,
            "two": self.made("/vpc2", "vpc", two),
        }  # fmt: skip

    def instance(self, things: Json) -> str:
        body = {
            "region": REGION, "plan": PLAN, "os_id": SYSTEM, "label": "walk", "hostname": "walk",
            "sshkey_id": [things["key"]], "script_id": things["script"], "tags": ["walk"],
            "firewall_group_id": things["group"], "attach_vpc": [things["vpc"]],
            "enable_ipv6": True, "backups": "enabled", "user_data": SCRIPT,
        }  # fmt: skip
        made = self.ask("POST", "/instances", body)["instance"]
        path = f"/instances/{made['id']}"
        self.ready(path)
        self.ask("GET", path)
        self.ask("GET", "/instances")
        changed = self.ask("PATCH", path, {"plan": LARGER, "label": "walked"})
        assert self.http.get(f"/instances/jobs/{changed['job_ids'][0]}").json()["job"]["id"]
        self.ready(path)
        return path

    def addresses(self, instance: str) -> None:
        main = self.ask("GET", f"{instance}/ipv4")["ipv4s"][0]["ip"]
        name = {"ip": main, "reverse": "walk.example.com"}
        self.ask("POST", f"{instance}/ipv4/reverse", name)
        self.ask("GET", f"{instance}/ipv4")
        self.ask("POST", f"{instance}/ipv4/reverse/default", {"ip": main})
        second = self.ask("POST", f"{instance}/ipv4", {"reboot": False})["ipv4"]["ip"]
        third = self.ask("POST", f"{instance}/ipv4", {})["ipv4"]["ip"]
        self.ready(instance)
        self.ask("DELETE", f"{instance}/ipv4/{second}")
        kept = self.ask("POST", "/reserved-ips/convert", {"ip_address": third, "label": "walk"})
        v6 = self.ask("GET", f"{instance}/ipv6")["ipv6s"][0]["ip"]
        self.ask("GET", f"{instance}/ipv6/reverse")
        self.ask("POST", f"{instance}/ipv6/reverse", {"ip": v6, "reverse": "walk.example.com"})
        self.ask("DELETE", f"{instance}/ipv6/reverse/{v6}")
        body = {"region": REGION, "ip_type": "v4", "label": "walk"}
        address = f"/reserved-ips/{self.made('/reserved-ips', 'reserved_ip', body)}"
        self.ask("POST", f"{address}/attach", {"instance_id": instance.rpartition("/")[2]})
        self.ready(instance)
        self.ask("POST", f"{address}/detach")
        self.ask("PATCH", address, {"label": "walked"})
        self.ask("DELETE", address)
        self.ask("DELETE", f"/reserved-ips/{kept['reserved_ip']['id']}")
        self.ready(instance)

    def networks(self, instance: str, things: Json) -> None:
        two, old = things["two"], things["old"]
        self.ask("POST", f"{instance}/vpc2/attach", {"vpc_id": two})
        self.ready(instance)
        self.ask("GET", f"{instance}/vpc2")
        self.ask("POST", f"{instance}/vpc2/detach", {"vpc_id": two})
        self.ready(instance)
        nodes = {"nodes": [instance.rpartition("/")[2]]}
        self.ask("POST", f"/vpc2/{two}/nodes/attach", nodes)
        self.ready(instance)
        self.ask("GET", f"/vpc2/{two}/nodes")
        self.ask("POST", f"/vpc2/{two}/nodes/detach", nodes)
        self.ready(instance)
        self.ask("POST", f"{instance}/private-networks/attach", {"network_id": old})
        self.ready(instance)
        self.ask("GET", f"{instance}/private-networks")
        self.ask("POST", f"{instance}/private-networks/detach", {"network_id": old})
        self.ready(instance)
        self.ask("POST", f"{instance}/vpcs/detach", {"vpc_id": things["vpc"]})
        self.ready(instance)
        self.ask("POST", f"{instance}/vpcs/attach", {"vpc_id": things["vpc"]})
        self.ready(instance)
        self.ask("GET", f"{instance}/vpcs")

    def disks(self, instance: str) -> None:
        instance_id = instance.rpartition("/")[2]
        block = {"region": REGION, "size_gb": 10, "label": "walk", "block_type": "high_perf"}
        path = f"/blocks/{self.made('/blocks', 'block', block)}"
        self.ask("POST", f"{path}/attach", {"instance_id": instance_id, "live": True})
        self.ready(instance)
        self.ask("GET", path)
        self.ask("PATCH", path, {"label": "walked", "size_gb": 20})
        self.ready(instance)
        self.ask("POST", f"{path}/detach", {"live": True})
        self.ready(instance)
        self.ask("DELETE", path)
        body = {"instance_id": instance_id, "description": "walk"}
        snapshot_id = self.made("/snapshots", "snapshot", body)
        path = f"/snapshots/{snapshot_id}"
        self.until(lambda: self.http.get(path).json()["snapshot"]["status"] == "complete")
        self.ask("GET", path)
        self.ask("PUT", path, {"description": "walked"})
        self.ready(instance)
        self.ask("POST", f"{instance}/restore", {"snapshot_id": snapshot_id})
        self.ready(instance)
        self.ask("POST", f"{instance}/reinstall", {"hostname": "again"})
        self.ready(instance)
        self.ask("DELETE", path)
        url = {"url": "http://127.0.0.1:9/disk.raw", "description": "walk"}
        self.ask("POST", "/snapshots/create-from-url", url)

    def facts(self, instance: str) -> None:
        schedule = {"type": "daily", "hour": 4, "dow": 1, "dom": 1}
        self.ask("POST", f"{instance}/backup-schedule", schedule)
        for what in (
            "backup-schedule", "bandwidth", "neighbors", "user-data", "upgrades", "iso",
        ):  # fmt: skip
            self.ask("GET", f"{instance}/{what}")

    def discs(self, instance: str) -> None:
        iso_id = self.made("/iso", "iso", {"url": "http://127.0.0.1:9/walk.iso"})
        self.until(lambda: self.ask("GET", f"/iso/{iso_id}")["iso"]["status"] == "complete")
        self.ask("POST", f"{instance}/iso/attach", {"iso_id": iso_id})
        self.ready(instance)
        self.ask("GET", f"{instance}/iso")
        self.ask("POST", f"{instance}/iso/detach")
        self.ready(instance)
        self.ask("DELETE", f"/iso/{iso_id}")

    def powers(self, family: str, field: str, thing: str) -> None:
        many = {field: [thing.rpartition("/")[2]]}
        for verb in ("halt", "start", "reboot"):
            self.ask("POST", f"{thing}/{verb}")
            self.ask("POST", f"/{family}/{verb}", many)

    def metal(self, things: Json) -> None:
        body = {"region": REGION, "plan": METAL, "os_id": SYSTEM, "label": "walk", "tags": ["walk"],
                "enable_ipv6": True}  # fmt: skip
        made = self.ask("POST", "/bare-metals", body)["bare_metal"]
        path, instance = f"/bare-metals/{made['id']}", f"/instances/{made['id']}"
        self.ready(instance)
        self.ask("GET", "/bare-metals")
        for what in ("", "/ipv4", "/ipv6", "/bandwidth", "/user-data", "/upgrades", "/vnc"):
            self.ask("GET", f"{path}{what}")
        self.ask("PATCH", path, {"label": "walked"})
        self.ask("POST", f"{path}/vpc2/attach", {"vpc_id": things["two"]})
        self.ready(instance)
        self.ask("GET", f"{path}/vpc2")
        self.ask("POST", f"{path}/vpc2/detach", {"vpc_id": things["two"]})
        self.ready(instance)
        self.ask("POST", f"{path}/reinstall", {"hostname": "again"})
        self.ready(instance)
        self.powers("bare-metals", "baremetal_ids", path)
        self.ask("DELETE", path)
        self.until(lambda: self.http.get(path).status_code == 404)

    def not_served(self) -> None:
        nobody = "01a1fee8-bb09-76ef-9a5e-d76e92806e13"
        user = {"name": "walk", "email": "walk@example.com", "password": "walk-walk-walk"}
        self.ask("POST", "/users", user)
        for method in ("GET", "PATCH", "DELETE"):
            self.ask(method, f"/users/{nobody}", {} if method == "PATCH" else None)
        self.ask("GET", f"/backups/{nobody}")

    def changes(self, things: Json) -> None:
        self.ask("PATCH", f"/ssh-keys/{things['key']}", {"name": "walked"})
        self.ask("PATCH", f"/startup-scripts/{things['script']}", {"name": "walked"})
        self.ask("PUT", f"/firewalls/{things['group']}", {"description": "walked"})
        for family, thing in (("vpcs", "vpc"), ("private-networks", "old"), ("vpc2", "two")):
            self.ask("PUT", f"/{family}/{things[thing]}", {"description": f"walked {thing}"})

    def end(self, instance: str, things: Json) -> None:
        """In the end nothing is left."""
        self.ask("DELETE", instance)
        self.until(lambda: self.http.get(instance).status_code == 404)
        self.ask("DELETE", things["rule"])
        for family, thing in (
            ("firewalls", "group"), ("vpcs", "vpc"), ("private-networks", "old"), ("vpc2", "two"),
            ("startup-scripts", "script"), ("ssh-keys", "key"),
        ):  # fmt: skip
            self.ask("DELETE", f"/{family}/{things[thing]}")
