"""The changes of Vultr's dialect that are tried in pairs, and the things of their projects."""

from tests.api.client import Api, Json, answered, fresh
from tests.api.keys import ED25519
from tests.pairs.harness import Call, Change, Dialect, settled

NEW = {"region": "ewr", "plan": "vc2-1c-1gb", "label": "new"}
URL = "https://example.com/discs/a.iso"
DISK = "https://example.com/disks/a.raw"

CHANGES = {
    "create": Change("POST", "/instances", NEW | {"os_id": 2284}),
    "create from snapshot": Change("POST", "/instances", NEW | {"snapshot_id": "{snapshot}"}),
    "create from iso": Change("POST", "/instances", NEW | {"iso_id": "{iso}"}),
    "create in vpc": Change("POST", "/instances", NEW | {"os_id": 2284, "attach_vpc": ["{vpc}"]}),
    "create in group": Change(
        "POST", "/instances", NEW | {"os_id": 2284, "firewall_group_id": "{group}"}
    ),
    "halt": Change("POST", "/instances/{web}/halt"),
    "start": Change("POST", "/instances/{web}/start"),
    "reboot": Change("POST", "/instances/{web}/reboot"),
    "reinstall": Change("POST", "/instances/{web}/reinstall", {}),
    "restore": Change("POST", "/instances/{web}/restore", {"snapshot_id": "{snapshot}"}),
    "change plan": Change("PATCH", "/instances/{web}", {"plan": "vc2-2c-4gb"}),
    "change plan further": Change("PATCH", "/instances/{web}", {"plan": "vc2-4c-8gb"}),
    "change os": Change("PATCH", "/instances/{web}", {"os_id": 2136}),
    "change label": Change("PATCH", "/instances/{web}", {"label": "other"}),
    "change group": Change("PATCH", "/instances/{web}", {"firewall_group_id": "{free_group}"}),
    "leave group": Change("PATCH", "/instances/{web}", {"firewall_group_id": ""}),
    "delete instance": Change("DELETE", "/instances/{web}"),
    "delete other": Change("DELETE", "/instances/{other}"),
    "halt other": Change("POST", "/instances/{other}/halt"),
    "take snapshot": Change("POST", "/snapshots", {"instance_id": "{web}"}),
    "delete snapshot": Change("DELETE", "/snapshots/{snapshot}"),
    "import snapshot": Change("POST", "/snapshots/create-from-url", {"url": DISK}),
    "attach block": Change("POST", "/blocks/{free_block}/attach", {"instance_id": "{web}"}),
    "attach block to other": Change(
        "POST", "/blocks/{free_block}/attach", {"instance_id": "{other}", "live": False}
    ),
    "detach block": Change("POST", "/blocks/{block}/detach", {"live": True}),
    "move block": Change("POST", "/blocks/{block}/attach", {"instance_id": "{other}"}),
    "grow block": Change("PATCH", "/blocks/{block}", {"size_gb": 20}),
    "grow block further": Change("PATCH", "/blocks/{block}", {"size_gb": 30}),
    "grow free block": Change("PATCH", "/blocks/{free_block}", {"size_gb": 20}),
    "delete block": Change("DELETE", "/blocks/{block}"),
    "delete free block": Change("DELETE", "/blocks/{free_block}"),
    "attach iso": Change("POST", "/instances/{web}/iso/attach", {"iso_id": "{iso}"}),
    "detach iso": Change("POST", "/instances/{other}/iso/detach"),
    "delete iso": Change("DELETE", "/iso/{iso}"),
    "delete mounted iso": Change("DELETE", "/iso/{mounted}"),
    "attach vpc": Change("POST", "/instances/{web}/vpcs/attach", {"vpc_id": "{free_vpc}"}),
    "detach vpc": Change("POST", "/instances/{web}/vpcs/detach", {"vpc_id": "{vpc}"}),
    "delete vpc": Change("DELETE", "/vpcs/{vpc}"),
    "delete free vpc": Change("DELETE", "/vpcs/{free_vpc}"),
    "attach ip": Change("POST", "/reserved-ips/{free_ip}/attach", {"instance_id": "{web}"}),
    "attach ip to other": Change("POST", "/reserved-ips/{ip}/attach", {"instance_id": "{other}"}),
    "detach ip": Change("POST", "/reserved-ips/{ip}/detach"),
    "delete ip": Change("DELETE", "/reserved-ips/{ip}"),
    "delete group": Change("DELETE", "/firewalls/{group}"),
    "delete free group": Change("DELETE", "/firewalls/{free_group}"),
    "delete key": Change("DELETE", "/ssh-keys/{key}"),
}


def set_up(api: Api, call: Call) -> dict[str, str]:
    """An instance with all belongings, another one with a mounted ISO, and one free of each."""

    def make(path: str, body: Json, status: int = 201) -> str:
        (thing,) = answered(call("POST", path, body), status).values()
        return str(thing["id"])

    things = {
        "key": make("/ssh-keys", {"name": fresh("key"), "ssh_key": ED25519}),
        "group": make("/firewalls", {"description": "in use"}),
        "free_group": make("/firewalls", {"description": "free"}),
        "vpc": make("/vpcs", {"region": "ewr", "v4_subnet": "10.1.0.0", "v4_subnet_mask": 24}),
        "free_vpc": make("/vpcs", {"region": "ewr", "v4_subnet": "10.2.0.0", "v4_subnet_mask": 24}),
        "iso": make("/iso", {"url": URL}),
        "mounted": make("/iso", {"url": URL}),
    }
    things["web"] = make("/instances", NEW | {
        "label": "web", "os_id": 2284, "attach_vpc": [things["vpc"]],
        "firewall_group_id": things["group"], "sshkey_id": [things["key"]],
    }, 202)  # fmt: skip
    things["other"] = make("/instances", NEW | {"label": "other", "os_id": 2284}, 202)
    for name in ("block", "free_block"):
        things[name] = make("/blocks", {"region": "ewr", "size_gb": 10}, 202)
    for name in ("ip", "free_ip"):
        things[name] = make("/reserved-ips", {"region": "ewr", "ip_type": "v4"})
    settled(api)
    web, other = things["web"], things["other"]
    answered(call("POST", f"/blocks/{things['block']}/attach", {"instance_id": web}), 204)
    answered(call("POST", f"/reserved-ips/{things['ip']}/attach", {"instance_id": web}), 204)
    answered(call("POST", f"/instances/{other}/iso/attach", {"iso_id": things["mounted"]}), 202)
    things["snapshot"] = make("/snapshots", {"instance_id": web})
    settled(api)
    return things


VULTR = Dialect("/v2", CHANGES, set_up)
