"""Answers held against Vultr's document: which operation it is, and what is not as it says."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]
PREFIX = "/v2"
OPERATIONS: dict[str, Json] = json.loads((Path(__file__).parent / "operations.json").read_text())
STRING, INTEGER, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
PLACES = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"id": STRING, "mac_address": STRING, "ip_address": STRING},
    },
}
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,),
    "number": (int, float), "boolean": (bool,),
}  # fmt: skip


def correct() -> None:
    """Where the document is wrong: its own examples, and what clients rely on, say otherwise."""
    meta = OPERATIONS["list-instances"]["answers"]["200"]["properties"]["meta"]
    for name, key in (("list-instance-vpcs", "vpcs"), ("list-instance-vpc2", "vpcs")):
        whole = {"type": "object", "properties": {key: PLACES, "meta": meta}}
        OPERATIONS[name]["answers"]["200"] = whole
    metal = OPERATIONS["list-metal-plans"]["answers"]["200"]["properties"]
    if "plans" in metal:
        metal["plans_metal"] = metal.pop("plans")
    made = OPERATIONS["create-baremetal"]["answers"]["202"]["properties"]
    if "baremetal" in made:
        made["bare_metal"] = made.pop("baremetal")
    days = {"incoming_bytes": INTEGER, "outgoing_bytes": INTEGER}
    for name in ("get-instance-bandwidth", "get-bandwidth-baremetal"):
        by_day = {"type": "object", "each": {"type": "object", "properties": days}}
        OPERATIONS[name]["answers"]["200"] = {"type": "object", "properties": {"bandwidth": by_day}}
    for listed in OPERATIONS["list-metal-plans"]["answers"]["200"]["properties"].values():
        if "disk" in listed.get("items", {}).get("properties", {}):
            listed["items"]["properties"]["disk"] = INTEGER


correct()


def operation_of(method: str, path: str) -> str | None:
    """Its operationId, where the document has it. A word of a path goes before a parameter:
    `/instances/halt` is no instance."""
    wanted = path.removeprefix(PREFIX).partition("?")[0].rstrip("/") or "/"
    found = [
        name
        for name, operation in OPERATIONS.items()
        if operation["method"] == method and pattern_of(operation["path"]).fullmatch(wanted)
    ]
    return min(found, key=lambda name: OPERATIONS[name]["path"].count("{"), default=None)


def pattern_of(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path))


def deviations(name: str, status: int, body: Any) -> list[str]:
    """What of an answer that succeeded is not as the document has it: a sentence each."""
    answers = OPERATIONS[name]["answers"]
    if str(status) not in answers:
        return [f"{name} answers {status}, not {' or '.join(answers)}"]
    schema = answers[str(status)]
    return [] if not schema else list(wrong(schema, body, name))


def wrong(schema: Json, value: Any, at: str) -> Iterator[str]:
    kind = schema.get("type")
    if kind and not is_of(value, kind):
        yield f"{at} is {json.dumps(value)[:60]}, not of the type {kind}"
        return
    for key, inner in schema.get("properties", {}).items():
        if key in value:
            yield from wrong(inner, value[key], f"{at}.{key}")
    if "each" in schema:
        for key, inner in value.items():
            yield from wrong(schema["each"], inner, f"{at}.{key}")
    if kind == "array":
        for number, inner in enumerate(value):
            yield from wrong(schema.get("items", {}), inner, f"{at}.{number}")


def is_of(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def fields_of(schema: Json | None, at: str = "") -> set[str]:
    """Every field that an answer may have, as `instance.main_ip`, through lists."""
    found: set[str] = set()
    for key, inner in (schema or {}).get("properties", {}).items():
        path = f"{at}.{key}" if at else key
        found.add(path)
        found |= fields_of(inner.get("items", inner), path)
    return found
