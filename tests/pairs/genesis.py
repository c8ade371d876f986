"""The changes of Genesis Cloud's dialect that are tried in pairs, and the things of a project."""

from tests.api.client import Api, Json, answered, fresh
from tests.api.genesis.things import IMAGE, TYPE
from tests.api.keys import ED25519
from tests.pairs.harness import Call, Change, Dialect, settled

REGION, FAR = "ARC-IS-HAF-1", "EUC-DE-MUC-1"
NEW = {"name": "new", "hostname": "new", "type": TYPE, "image": IMAGE, "region": REGION}
DISK = "https://example.com/disks/a.raw"

CHANGES = {
    "create": Change("POST", "/instances", NEW),
    "create from snapshot": Change("POST", "/instances", NEW | {"image": "{snapshot}"}),
    "create with volume": Change("POST", "/instances", NEW | {"volumes": ["{volume}"]}),
    "create with free volume": Change("POST", "/instances", NEW | {"volumes": ["{free_volume}"]}),
    "create with ip": Change("POST", "/instances", NEW | {"floating_ip": "{ip}"}),
    "create in group": Change("POST", "/instances", NEW | {"security_groups": ["{group}"]}),
    "start": Change("POST", "/instances/{web}/actions", {"action": "start"}),
    "stop": Change("POST", "/instances/{web}/actions", {"action": "stop"}),
    "reset": Change("POST", "/instances/{web}/actions", {"action": "reset"}),
    "grow disk": Change("PATCH", "/instances/{web}", {"disk_size": 120}),
    "grow disk further": Change("PATCH", "/instances/{web}", {"disk_size": 140}),
    "rename": Change("PATCH", "/instances/{web}", {"name": "other name"}),
    "change groups": Change("PATCH", "/instances/{web}", {"security_groups": ["{free_group}"]}),
    "detach volumes": Change("PATCH", "/instances/{web}", {"volumes": []}),
    "attach volumes": Change(
        "PATCH", "/instances/{web}", {"volumes": ["{volume}", "{free_volume}"]}
    ),
    "move volume": Change("PATCH", "/instances/{other}", {"volumes": ["{volume}"]}),
    "delete instance": Change("DELETE", "/instances/{web}"),
    "delete other": Change("DELETE", "/instances/{other}"),
    "take snapshot": Change("POST", "/instances/{web}/snapshots", {"name": "another"}),
    "import snapshot": Change("POST", "/snapshots", {"name": "imported", "url": DISK}),
    "clone snapshot": Change("POST", "/snapshots/{snapshot}/clone", {"region": FAR}),
    "rename snapshot": Change("PATCH", "/snapshots/{snapshot}", {"name": "renamed"}),
    "delete snapshot": Change("DELETE", "/snapshots/{snapshot}"),
    "create volume": Change("POST", "/volumes", {"name": "more", "size": 5, "region": REGION}),
    "grow volume": Change("PATCH", "/volumes/{volume}", {"size": 20}),
    "grow free volume": Change("PATCH", "/volumes/{free_volume}", {"size": 20}),
    "delete volume": Change("DELETE", "/volumes/{volume}"),
    "delete free volume": Change("DELETE", "/volumes/{free_volume}"),
    "delete ip": Change("DELETE", "/floating-ips/{ip}"),
    "delete group": Change("DELETE", "/security-groups/{group}"),
    "delete free group": Change("DELETE", "/security-groups/{free_group}"),
    "delete key": Change("DELETE", "/ssh-keys/{key}"),
}


def set_up(api: Api, call: Call) -> dict[str, str]:
    """An instance with all belongings, another one, and one free thing of each kind."""

    def make(path: str, body: Json) -> str:
        made = answered(call("POST", path, body), 201)
        thing = made if "id" in made else next(iter(made.values()))
        return str(thing["id"])

    def group(name: str) -> str:
        return make("/security-groups", {"name": name, "region": REGION, "rules": []})

    things = {
        "key": make("/ssh-keys", {"name": fresh("key"), "value": ED25519}),
        "group": group("in use"),
        "free_group": group("free"),
        "ip": make("/floating-ips", {"name": "ip", "region": REGION}),
    }
    for name in ("volume", "free_volume"):
        things[name] = make("/volumes", {"name": name, "size": 10, "region": REGION})
    things["web"] = make("/instances", NEW | {
        "name": "web", "ssh_keys": [things["key"]], "security_groups": [things["group"]],
        "floating_ip": things["ip"], "volumes": [things["volume"]],
    })  # fmt: skip
    things["other"] = make("/instances", NEW | {"name": "other"})
    settled(api)
    things["snapshot"] = make(f"/instances/{things['web']}/snapshots", {"name": "before"})
    settled(api)
    return things


GENESIS = Dialect("/compute/v1", CHANGES, set_up)
