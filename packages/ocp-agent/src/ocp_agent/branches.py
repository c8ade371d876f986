"""Counts how often a validator would look at the parts of a value, before it does.

Alternatives of alternatives double with each level, and a hostile document has as many levels as it
likes: a validator that follows each of them would not return. Used by `arguments`.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ocp_agent.keywords import Schema

LOOKS_MOST = 10_000
# Of a usual document, each part is looked at about once for each schema that it has.
LOOKS_PER_PART = 10
LOOKS_CAPPED = 10**9
THINGS_MOST = 500_000  # to count more takes seconds
IN_PLACE_LISTS = ("allOf", "anyOf", "oneOf")
IN_PLACE = ("else", "if", "not", "then")
BRANCHING = {*IN_PLACE_LISTS, *IN_PLACE, "dependentSchemas"}
DEFINITION = "#/$defs/"


class Look(NamedTuple):
    """One schema at one place of a value."""

    schema: Schema
    value: Any
    place: int


class Branches:
    """Those of one schema with its definitions."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._definitions: dict[str, Schema] = schema.get("$defs", {})
        self._is_plain = is_plain(schema)

    def are_too_many(self, value: Any) -> bool:
        """Whether the looks are many, and many times more than there are things to look at."""
        if self._is_plain:
            return False
        looks, things = Count(self._definitions).of(Look(self._schema, value, 0))
        many = looks > LOOKS_MOST and looks > LOOKS_PER_PART * things
        return many or things > THINGS_MOST


class Count:
    """Without recursion: references may be chained by the thousand."""

    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions
        self._known: dict[tuple[int, int], int] = {}
        self._leaves = 0  # looks that lead to no other, in those that are known
        self._places: dict[tuple[int, Any], int] = {}

    def of(self, first: Look) -> tuple[int, int]:
        """Return the number of looks, and of different ones; it gives up where these are too
        many."""
        waiting = [(first, self._below(first))]
        looks, total = [1], 0
        while waiting and self._things() <= THINGS_MOST:
            look, below = waiting[-1]
            for one in below:
                if is_leaf(one):
                    looks[-1] += 1
                    self._leaves += 1
                    continue
                key = (id(one.schema), one.place)
                if key in self._known:
                    looks[-1] += self._known[key]
                    continue
                self._known[key] = 0  # for a circle
                waiting.append((one, self._below(one)))
                looks.append(1)
                break
            else:
                waiting.pop()
                done = min(looks.pop(), LOOKS_CAPPED)
                self._known[id(look.schema), look.place] = done
                if waiting:
                    looks[-1] += done
                else:
                    total = done
        return total, self._things()

    def _things(self) -> int:
        return len(self._known) + self._leaves

    def _below(self, look: Look) -> Iterator[Look]:
        """The looks to which one leads directly."""
        schema, value, place = look
        name = schema.get("$ref", "")
        here = [self._definitions.get(name.removeprefix(DEFINITION))] if name else []
        here += [one for key in IN_PLACE_LISTS for one in schema.get(key, ())]
        here += [schema.get(key) for key in IN_PLACE]
        here += schema.get("dependentSchemas", {}).values()
        yield from (Look(one, value, place) for one in here if isinstance(one, dict))
        if isinstance(value, dict):
            inner = self._in_object(schema, value)
        elif isinstance(value, list):
            inner = self._in_list(schema, value)
        else:
            return
        for key, one, part in inner:
            if isinstance(one, dict):
                at = self._places.setdefault((place, key), len(self._places) + 1)
                yield Look(one, part, at)

    def _in_object(self, schema: Schema, value: dict[Any, Any]) -> Iterator[tuple[Any, Any, Any]]:
        properties = schema.get("properties", {})
        names = schema.get("propertyNames")
        further = (schema.get("additionalProperties"), schema.get("unevaluatedProperties"))
        others = [*schema.get("patternProperties", {}).values(), *further]
        others = [one for one in others if isinstance(one, dict)]
        for key, part in value.items():
            if key in properties:
                yield key, properties[key], part
            if names is not None:
                yield (key, "name"), names, key
            for one in others:
                yield key, one, part

    def _in_list(self, schema: Schema, value: list[Any]) -> Iterator[tuple[Any, Any, Any]]:
        first = schema.get("prefixItems", [])
        others = [schema[key] for key in ("items", "contains", "unevaluatedItems") if key in schema]
        for index, part in enumerate(value):
            if index < len(first):
                yield index, first[index], part
            for one in others:
                yield index, one, part


def is_leaf(look: Look) -> bool:
    """Whether a look leads to no other."""
    is_single = not isinstance(look.value, dict | list)
    return is_single and "$ref" not in look.schema and BRANCHING.isdisjoint(look.schema)


def is_plain(schema: Any) -> bool:
    """Whether no schema can be looked at twice at the same place: nothing branches, or nothing is
    referred to twice."""
    waiting, seen = [schema], set()
    branches = refers_again = False
    while waiting and not (branches and refers_again):
        one = waiting.pop()
        if isinstance(one, dict):
            branches = branches or not BRANCHING.isdisjoint(one)
            name = one.get("$ref")
            if isinstance(name, str):
                refers_again = refers_again or name in seen
                seen.add(name)
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return not (branches and refers_again)
