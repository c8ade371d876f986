"""Valid things to put into a store, with one word changed where a test needs it. They use nothing,
so that nothing else has to be there."""

from itertools import count
from typing import Any

from atoll.domain.hosts import Capabilities, Host
from atoll.domain.instances import Instance, InstanceSpec, Resolved
from atoll.domain.operations import Operation
from atoll.ports import Filter

numbers = count(1)
NOW = 1_760_000_000_000


def new_id(prefix: str) -> str:
    return f"{prefix}-{next(numbers):026d}"


def instance(**changes: Any) -> Instance:
    given: dict[str, Any] = {
        "id": new_id("inst"),
        "project_id": "proj-1",
        "name": f"web-{next(numbers)}",
        "spec": InstanceSpec(
            plan="cx11", image="mini", vcpus=1, memory_mib=512, disk_gib=10, region="local"
        ),
        "resolved": Resolved(image_id="", root_volume_id="vol-1"),
        "created_at_ms": NOW,
        "updated_at_ms": NOW,
    }
    return Instance(**(given | changes))


def operation(**changes: Any) -> Operation:
    given: dict[str, Any] = {
        "id": new_id("op"),
        "project_id": "proj-1",
        "kind": "instance.create",
        "resource_id": new_id("inst"),
        "steps": 5,
        "requested_by": "ak-1",
        "deadline_ms": NOW + 60_000,
        "created_at_ms": NOW,
        "queued_at_ms": NOW,
    }
    return Operation(**(given | changes))


def host(**changes: Any) -> Host:
    given: dict[str, Any] = {
        "id": new_id("host"),
        "name": f"h{next(numbers)}",
        "region": "local",
        "capabilities": Capabilities(driver="simulator"),
        "vcpus": 8,
        "memory_mib": 16_384,
        "disk_gib": 500,
        "created_at_ms": NOW,
        "seen_at_ms": NOW,
    }
    return Host(**(given | changes))


def every(limit: int) -> Filter:
    return Filter(limit=limit)
