"""Writes whole numbers as integers where a schema asks for integers.

JSON Schema takes 1.0 for an integer, and models write it; many servers do not. Used by `arguments`,
after the check. Walks the value, so the schema may be recursive.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ocp_agent.keywords import Schema, is_pattern, types_of
from ocp_agent.raw import dict_at, list_at, text_at

NODES_MOST = 1_000  # schemas that apply to one value
BESIDE = ("if", "then", "else")


def has_float(value: Any) -> bool:
    if isinstance(value, str | int):  # most values, and this is asked for each call
        return False
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        return any(map(has_float, value))
    return isinstance(value, float)


class Integers:
    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self.definitions = definitions

    def written(self, value: Any, schemas: Iterable[Any]) -> Any:
        """Return the value with its whole numbers; `schemas` all apply to it, or may do so."""
        if not has_float(value):
            return value
        nodes = self._applying(schemas)
        if isinstance(value, float):
            is_whole = value.is_integer() and any(takes_integer(one, value) for one in nodes)
            return int(value) if is_whole else value
        if isinstance(value, list):
            return [
                self.written(one, below_item(nodes, number)) for number, one in enumerate(value)
            ]
        return {key: self.written(one, below_name(nodes, str(key))) for key, one in value.items()}

    def _applying(self, schemas: Iterable[Any]) -> list[Schema]:
        found: list[Schema] = []
        seen: set[int] = set()
        waiting = list(schemas)
        while waiting and len(found) < NODES_MOST:
            one = waiting.pop()
            if not isinstance(one, dict) or id(one) in seen:
                continue
            seen.add(id(one))
            found.append(one)
            waiting.append(self.definitions.get(text_at(one, "$ref").rpartition("/")[2]))
            waiting += [part for key in ("allOf", "anyOf", "oneOf") for part in list_at(one, key)]
            waiting += [one.get(key) for key in BESIDE]
        return found


def takes_integer(schema: Schema, value: float) -> bool:
    values = [*list_at(schema, "enum"), schema.get("const")]
    is_named = any(isinstance(one, int) and one == value for one in values)
    return is_named or "integer" in types_of(schema.get("type"))


def below_item(nodes: list[Schema], number: int) -> list[Any]:
    found = []
    for node in nodes:
        first = list_at(node, "prefixItems")
        found.append(first[number] if number < len(first) else node.get("items"))
    return found


def below_name(nodes: list[Schema], name: str) -> list[Any]:
    found = []
    for node in nodes:
        named = dict_at(node, "properties")
        patterns = dict_at(node, "patternProperties")
        found.append(named.get(name, node.get("additionalProperties")))
        found += [one for pattern, one in patterns.items() if matches(pattern, name)]
    return found


def matches(pattern: str, name: str) -> bool:
    try:
        return is_pattern(pattern) and re.search(pattern, name) is not None
    except re.error:
        return False
