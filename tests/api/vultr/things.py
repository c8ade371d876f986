"""Instances and their like in Vultr's words, and the ends of what goes on about them."""

from atoll.domain import ids
from tests.api.client import Api, Json
from tests.api.vultr.client import Vultr

NOBODY = "0b0c7a52-64a2-4f63-9c0c-1b1f9b2d5a11"
NOUNS = {
    "volumes": ids.VOLUME,
    "snapshots": ids.SNAPSHOT,
    "instances": ids.INSTANCE,
    "floating-ips": ids.FLOATING_IP,
}


def instance_of(vultr: Vultr, api: Api, **more: object) -> Json:
    """A running one whose first boot is over."""
    body = {"region": "ewr", "plan": "vc2-1c-1gb", "os_id": 2284, "label": "web"} | more
    made = vultr.post("/instances", body, 202)["instance"]
    settled(api, "instances", made["id"])
    ready = api.get(f"/v1/instances/{ids.from_uuid(ids.INSTANCE, made['id'])}?wait=30&until=ready")
    assert ready["status"]["ready"], ready["status"]
    shown: Json = vultr.get(f"/instances/{made['id']}")["instance"]
    assert (shown["status"], shown["power_status"]) == ("active", "running")
    return shown


def native(api: Api, noun: str, uuid: str) -> Json:
    """The same thing in the native dialect."""
    shown: Json = api.get(f"/v1/{noun}/{ids.from_uuid(NOUNS[noun], uuid)}")
    return shown


def settled(api: Api, noun: str, uuid: str, status: str = "completed") -> None:
    """Returns when what goes on about the thing has ended so."""
    api.ended(native(api, noun, uuid)["operation_id"], status)


def finished(api: Api, kind: str) -> None:
    """Returns when the only operation of that kind in the project is done."""
    (operation,) = api.items(f"/v1/operations?kind={kind}")
    api.ended(operation["id"], "completed")
