"""Instances and their like in Genesis Cloud's words, and waiting for them as its clients do."""

import time
from collections.abc import Callable
from typing import Any

from atoll.domain import ids
from tests.api.client import Api, Json, fresh
from tests.api.genesis.client import Genesis
from tests.api.keys import ED25519

NOBODY = "0b0c7a52-64a2-4f63-9c0c-1b1f9b2d5a11"
TYPE, IMAGE = "vcpu-2_memory-4g_disk-80g", "atoll-mini"
PATIENCE_S = 30
LOOK_S = 0.02
PREFIXES = {
    "instances": ids.INSTANCE, "volumes": ids.VOLUME, "snapshots": ids.SNAPSHOT,
    "floating-ips": ids.FLOATING_IP, "security-groups": ids.SECURITY_GROUP,
}  # fmt: skip


def key_of(genesis: Genesis) -> str:
    made = genesis.post("/ssh-keys", {"name": fresh("key"), "value": ED25519})
    return str(made["id"])


def body_of(**more: object) -> Json:
    return {"name": "web", "hostname": "web", "type": TYPE, "image": IMAGE} | more


def instance_of(genesis: Genesis, **more: object) -> Json:
    """An active one."""
    made = genesis.post("/instances", body_of(**more))["instance"]
    return became(genesis, made["id"], "active")


def became(genesis: Genesis, instance_id: str, status: str) -> Json:
    """The instance, once it has this status."""
    return until(genesis, f"/instances/{instance_id}", "instance", status)


def until(genesis: Genesis, path: str, singular: str, status: str) -> Json:
    def look() -> Json | None:
        shown: Json = genesis.get(path)[singular]
        assert shown["status"] == status or shown["status"] not in {"error", "created"}, shown
        return shown if shown["status"] == status else None

    found: Json = seen(look)
    return found


def gone(genesis: Genesis, path: str) -> None:
    """Returns when there is nothing any more."""
    assert seen(lambda: genesis.call("GET", path).status_code == 404)


def seen(look: Callable[[], Any]) -> Any:
    """What it answers, once that is something."""
    last = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < last, f"not within {PATIENCE_S} s"
        time.sleep(LOOK_S)
    return found


def native(api: Api, noun: str, uuid: str) -> Json:
    """The same thing in the native dialect."""
    shown: Json = api.get(f"/v1/{noun}/{ids.from_uuid(PREFIXES[noun], uuid)}")
    return shown


def idle(api: Api, instance_id: str) -> None:
    """Returns when the last that was asked about the instance is done."""
    api.ended(native(api, "instances", instance_id)["operation_id"], "completed")
