"""The shapes that clients of Genesis Cloud's API expect, and answers held against them.

There is no document of the vendor to hold them against: this is what its clients in Go, JavaScript
and Python read, and what its pages print. A field that ends in ? may be missing, a kind that ends
in ? may be null.
"""

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
PREFIX = "/compute/v1"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
REGIONS = {
    "ARC-IS-HAF-1", "EUC-DE-MUC-1", "EUW-GB-MNC-1", "EUW-NL-AMS-1", "NA-CA-FTS-1", "NA-CA-MNZ-1",
    "NA-CA-PRG-1", "NORD-NO-KRS-1",
}  # fmt: skip
WORDS = {
    "region": REGIONS,
    "os": {"linux", "windows"},
    "instance status": {
        "creating", "pending_payment", "active", "stopping", "stopped", "starting", "resetting",
        "error", "deleting",
    },
    "status": {"creating", "created", "pending_delete", "deleting", "error"},
    "image type": {"cloud-image"},
    "volume type": {"hdd", "ssd"},
    "protocol": {"tcp", "udp", "icmp", "all"},
    "direction": {"ingress", "egress"},
    "version": {"ipv4", "ipv6"},
    "action": {"start", "stop", "reset"},
}  # fmt: skip
NAMED = {"id": "id", "name": "text"}
TIMES = {"created_at": "time", "updated_at": "time"}
INSTANCE = {
    "id": "id", "name": "text", "hostname": "text", "dns_name": "text", "type": "text",
    "os_type": "os", "image": NAMED, "region": "region", "placement_option": "text",
    "public_ip": "text?", "private_ip": "text?", "status": "instance status", "ssh_keys": [NAMED],
    "security_groups": [NAMED], "volumes": [NAMED], "floating_ip": ("null or", NAMED),
    "reservation_id": "text?", "disk_size?": "number", "is_protected": "truth", **TIMES,
}  # fmt: skip
IMAGE = {
    "id": "id", "name": "text", "type": "image type", "family": "text?", "slug": "text?",
    "versions": ["text"], "os_type": "os", "regions": ["text"], **TIMES,
}  # fmt: skip
SNAPSHOT = {
    "id": "id", "name": "text", "size": "number", "region": "region", "status": "status",
    "os_type": "os", "resource_id": "text", "source_instance_id?": "id",
    "source_snapshot_id?": "id", **TIMES,
}  # fmt: skip
VOLUME = {
    "id": "id", "name": "text", "description": "text", "type": "volume type", "size": "number",
    "region": "region", "instances": [NAMED], "status": "status", **TIMES,
}  # fmt: skip
FILESYSTEM = {
    "id": "id", "name": "text", "description": "text", "type": "text", "size": "number",
    "region": "region", "status": "status", "mount_endpoint_range": ["text"],
    "mount_base_path": "text?", **TIMES,
}  # fmt: skip
RULE = {
    "protocol": "protocol", "direction": "direction", "port_range_min": "number?",
    "port_range_max": "number?",
}  # fmt: skip
GROUP = {
    "id": "id", "name": "text", "description": "text", "is_internal": "truth", "region": "region",
    "status": "status", "rules": [RULE], **TIMES,
}  # fmt: skip
ADDRESS = {
    "id": "id", "name": "text", "description": "text", "ip_address": "text?", "is_public": "truth",
    "version": "version", "region": "region", "status": "status",
    "instance": ("null or", NAMED), **TIMES,
}  # fmt: skip
KEY = {
    "id": "id", "name": "text", "value": "text", "fingerprint": "text", "type": "text",
    "size": "number", **TIMES,
}  # fmt: skip
ROOM = {
    "availability": {
        "type": "text", "region": "region", "placement?": "text",
        "instance_types": [{"type": "text", "available": "truth", "count?": "number"}],
    }
}  # fmt: skip
FLAVOR = {"flavor_name": "text", "product_name": "text", "unit": "text", "used": "number"}
QUOTA = {"key": "text", "capacity": "number", "used": "number", "flavors": [FLAVOR]}
RESERVATION = {
    "id": "id", "flavor_name": "text", "region": "region", "metadata": "object",
    "quota": {"capacity": "number", "used": "number"},
}  # fmt: skip
COUNTS = {"total_count": "number", "page": "number", "per_page": "number"}


def page(plural: str, shape: Any) -> Json:
    return {plural: [shape], **COUNTS}


def family(path: str, name: str, one: Json, many: Json, *, made: bool = True) -> dict[str, Any]:
    """List, get, create, change and delete."""
    word = f"{path}/{{id}}"
    found = {f"list {name}s": ("GET", path, 200, many), f"get {name}": ("GET", word, 200, one)}
    if made:
        found |= {
            f"create {name}": ("POST", path, 201, one),
            f"update {name}": ("PATCH", word, 200, one),
            f"delete {name}": ("DELETE", word, 204, None),
        }
    return found


OF_INSTANCE = "/instances/{id}"
OPERATIONS: dict[str, tuple[str, str, int, Any]] = {
    **family("/instances", "instance", {"instance": INSTANCE}, page("instances", INSTANCE)),
    "list instance actions": ("GET", f"{OF_INSTANCE}/actions", 200, {"actions": ["action"]}),
    "perform instance action": ("POST", f"{OF_INSTANCE}/actions", 204, None),
    "list instance snapshots": (
        "GET", f"{OF_INSTANCE}/snapshots", 200, page("snapshots", SNAPSHOT),
    ),
    "create instance snapshot": (
        "POST", f"{OF_INSTANCE}/snapshots", 201, {"snapshot": SNAPSHOT},
    ),
    "get instance user metadata": ("GET", f"{OF_INSTANCE}/user-metadata", 200, "object"),
    **family("/images", "image", {"image": IMAGE}, page("images", IMAGE), made=False),
    **family("/snapshots", "snapshot", {"snapshot": SNAPSHOT}, page("snapshots", SNAPSHOT)),
    "clone snapshot": ("POST", "/snapshots/{id}/clone", 201, {"snapshot": SNAPSHOT}),
    **family("/volumes", "volume", {"volume": VOLUME}, page("volumes", VOLUME)),
    **family("/filesystems", "filesystem", {"filesystem": FILESYSTEM},
             page("filesystems", FILESYSTEM)),
    **family("/security-groups", "security group", {"security_group": GROUP},
             page("security_groups", GROUP)),
    **family("/floating-ips", "floating ip", {"floating_ip": ADDRESS},
             page("floating_ips", ADDRESS)),
    **family("/ssh-keys", "ssh key", KEY, page("ssh_keys", KEY)),
    "get availability": ("GET", "/availability/{region}/instances", 200, ROOM),
    "list quotas": ("GET", "/quotas", 200, {"quotas": [QUOTA]}),
    "list reservations": ("GET", "/reservations", 200, {"reservations": [RESERVATION]}),
    "list catalog": ("GET", "/catalog", 200, page("catalog", "object")),
}  # fmt: skip


def deviations(name: str, status: int, body: Any) -> list[str]:
    """What of an answer that succeeded is not as it is expected: a sentence each."""
    _, _, wanted, shape = OPERATIONS[name]
    if status != wanted:
        return [f"{name} answers {status}, not {wanted}"]
    return [] if shape is None else list(wrong(shape, body, name))


def wrong(shape: Any, value: Any, at: str) -> Iterator[str]:
    if isinstance(shape, tuple):
        if value is not None:
            yield from wrong(shape[1], value, at)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{at} is no list"
            return
        for number, inner in enumerate(value):
            yield from wrong(shape[0], inner, f"{at}.{number}")
    elif isinstance(shape, dict):
        yield from wrong_fields(shape, value, at)
    elif not is_of(shape, value):
        yield f"{at} is {value!r:.60}, not of the kind {shape}"


def wrong_fields(shape: Json, value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at} is no object"
        return
    for key, inner in shape.items():
        field = key.rstrip("?")
        if field in value:
            yield from wrong(inner, value[field], f"{at}.{field}")
        elif not key.endswith("?"):
            yield f"{at}.{field} is missing"


def is_of(kind: str, value: Any) -> bool:
    if kind.endswith("?"):
        return value is None or is_of(kind.rstrip("?"), value)
    if kind in {"text", "id", "time"}:
        forms = {"id": UUID, "time": TIME}
        return isinstance(value, str) and (kind == "text" or bool(forms[kind].fullmatch(value)))
    if kind in {"number", "truth", "object"}:
        return type(value) is {"number": int, "truth": bool, "object": dict}[kind]
    return value in WORDS[kind]


def fields_of(shape: Any, at: str = "") -> set[str]:
    """Every field that an answer may have, as `instance.public_ip`, through lists."""
    if isinstance(shape, tuple | list):
        return fields_of(shape[-1], at)
    found: set[str] = set()
    for key, inner in shape.items() if isinstance(shape, dict) else ():
        field = key.rstrip("?")
        path = f"{at}.{field}" if at else field
        found |= {path} | fields_of(inner, path)
    return found
