"""A walk through every operation that clients of Genesis Cloud's API know, in the order of a life.

Each answer is held against its shape. Called by a test, and by `report.py`.
"""

import re
from typing import Any

from tests.api.keys import ED25519
from tests.clients.genesis import oracle
from tests.clients.walking import Walker

Json = dict[str, Any]
REGION, OTHER, TYPE = "NORD-NO-KRS-1", "EUC-DE-MUC-1", "vcpu-2_memory-4g"
RULES = [
    {"protocol": "icmp", "direction": "ingress", "port_range_min": None, "port_range_max": None},
    {"protocol": "tcp", "direction": "ingress", "port_range_min": 22, "port_range_max": 22},
]


class Walk(Walker):
    def __init__(self, url: str, key: str) -> None:
        super().__init__(url + oracle.PREFIX, {"X-Auth-Token": key}, oracle.deviations)

    def go(self) -> None:
        image = self.ask("list images", query="?type=cloud-image")["images"]
        mini = next(one["id"] for one in image if one["slug"] == "atoll-mini")
        self.ask("get image", id=mini)
        things = self.things()
        instance = self.instance(mini, things)
        self.snapshots(instance)
        self.account()
        self.filesystems()
        self.end(instance, things)
        self.http.close()

    def ask(self, name: str, body: Any = None, query: str = "", **words: str) -> Any:
        method, path, _, _ = oracle.OPERATIONS[name]
        return self.noted(name, method, path.format(**words) + query, body, "message")

    def became(self, path: str, status: str) -> None:
        def look() -> bool:
            (shown,) = self.http.get(path).json().values()
            return bool(shown["status"] == status)

        self.until(look)

    def gone(self, path: str) -> None:
        self.until(lambda: self.http.get(path).status_code == 404)

    def things(self) -> dict[str, str]:
        key = self.ask("create ssh key", {"name": "alice", "value": ED25519})
        rules = {"name": "ssh", "description": "", "region": REGION, "rules": RULES}
        group = self.ask("create security group", rules)["security_group"]
        place = {"name": "front", "description": "", "region": REGION}
        address = self.ask("create floating ip", place)["floating_ip"]
        disk = {"name": "data", "description": "", "size": 1, "type": "hdd", "region": REGION}
        volume = self.ask("create volume", disk)["volume"]
        found = {
            "ssh key": key["id"], "security group": group["id"], "floating ip": address["id"],
            "volume": volume["id"],
        }  # fmt: skip
        for noun, thing_id in found.items():
            self.ask(f"update {noun}", {"name": f"another {noun}"}, id=thing_id)
        return found

    def instance(self, image: str, things: dict[str, str]) -> str:
        body = {
            "name": "web", "hostname": "web", "type": TYPE, "region": REGION, "image": image,
            "ssh_keys": [things["ssh key"]], "security_groups": [things["security group"]],
            "volumes": [things["volume"]], "floating_ip": things["floating ip"],
            "metadata": {"startup_script": "#!/bin/sh\n"}, "billing_type": "on-demand",
        }  # fmt: skip
        made = str(self.ask("create instance", body)["instance"]["id"])
        self.became(f"/instances/{made}", "active")
        for name in ("get instance", "list instance actions", "get instance user metadata"):
            self.ask(name, id=made)
        for noun, thing_id in things.items():
            self.ask(f"get {noun}", id=thing_id)
            self.ask(f"list {noun}s")
        self.ask("list instances")
        self.ask("update instance", {"name": "web-1", "is_protected": False}, id=made)
        for action, status in (("stop", "stopped"), ("start", "active"), ("reset", "active")):
            self.ask("perform instance action", {"action": action}, id=made)
            self.became(f"/instances/{made}", status)
        return made

    def snapshots(self, instance: str) -> None:
        made = self.ask("create instance snapshot", {"name": "golden"}, id=instance)["snapshot"]
        self.became(f"/snapshots/{made['id']}", "created")
        self.ask("list instance snapshots", id=instance)
        self.ask("update snapshot", {"name": "silver"}, id=made["id"])
        body = {"name": "copy", "region": OTHER}
        copy = self.ask("clone snapshot", body, id=made["id"])["snapshot"]
        self.became(f"/snapshots/{copy['id']}", "created")
        web = {"name": "web", "url": "https://example.com/a.raw", "region": REGION, "size": 1}
        self.ask("create snapshot", web)
        for one in (made, copy):
            self.ask("get snapshot", id=one["id"])
        self.ask("list snapshots")
        for one in (copy, made):
            self.ask("delete snapshot", id=one["id"])
            self.gone(f"/snapshots/{one['id']}")

    def account(self) -> None:
        self.ask("get availability", region=REGION, query="?placement=AUTO")
        for name in ("list quotas", "list reservations", "list catalog"):
            self.ask(name)

    def filesystems(self) -> None:
        nothing = "0b0c7a52-64a2-4f63-9c0c-1b1f9b2d5a11"
        self.ask("list filesystems")
        self.ask("create filesystem", {"name": "shared", "size": 1, "region": REGION})
        for name, change in (("get", None), ("update", {"name": "x"}), ("delete", None)):
            self.ask(f"{name} filesystem", change, id=nothing)

    def end(self, instance: str, things: dict[str, str]) -> None:
        self.ask("delete instance", id=instance)
        self.gone(f"/instances/{instance}")
        for noun, thing_id in things.items():
            self.ask(f"delete {noun}", id=thing_id)
            self.gone(re.sub(r"\{id\}", thing_id, oracle.OPERATIONS[f"get {noun}"][1]))
