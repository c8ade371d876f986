"""Reads the schemas of one document by the rules of its version, and shows them expanded.

Schemas for display are expanded as deep as `SCHEMA_NODES` allows, independent of the order of
access. What a schema allows is built by `checks`.
"""

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from ocp_agent.circles import Circles
from ocp_agent.document import Document, decoded
from ocp_agent.keywords import LIST_BELOW, NAMED_BELOW, ONE_BELOW, Schema, sound
from ocp_agent.limits import SCHEMA_NODES
from ocp_agent.nesting import Nesting
from ocp_agent.raw import dict_at, list_at, text_at
from ocp_agent.references import MISSING

DEEPEST = 32  # depth of expanded references
COMPOSED_DEEPEST = 16  # levels of allOf, oneOf and anyOf within one another
PARTS_MOST = 1_000  # parts of an allOf
ALIASES_LONGEST = 1_000  # chain of references to references
COMPOSITIONS = ("allOf", "anyOf", "oneOf")
# Keywords of two parts of an `allOf` that may differ: the later one describes the whole.
DESCRIBING = {"default", "deprecated", "description", "example", "examples", "externalDocs",
              "nullable", "readOnly", "title", "writeOnly", "xml"}  # fmt: skip
log = logging.getLogger("ocp_agent")

READ_ONLY, WRITE_ONLY = "readOnly", "writeOnly"


def merged(schema: Schema) -> Schema:
    """Merge the parts of an `allOf` if no keyword of theirs contradicts another."""
    parts = schema.get("allOf")
    if not parts or any({*COMPOSITIONS, "not"} & part.keys() for part in parts):
        return schema
    own = {key: value for key, value in schema.items() if key != "allOf"}
    whole: Schema = {}
    for part in [*parts, own]:
        properties = {**whole.get("properties", {})}
        for name, one in part.get("properties", {}).items():
            known = properties.get(name, one)
            properties[name] = one if known == one else merged({"allOf": [known, one]})
        required = [*whole.get("required", []), *part.get("required", [])]
        for key, value in part.items():
            is_joined = key in {"properties", "required"} or key in DESCRIBING
            if not is_joined and not key.startswith("x-") and whole.get(key, value) != value:
                return schema
        whole |= part
        if properties:
            whole["properties"] = properties
        if required:
            whole["required"] = list(dict.fromkeys(required))
    return whole


class Shown(msgspec.Struct, frozen=True):
    """An expanded definition, with its number of nodes and depth of references."""

    schema: Schema
    nodes: int
    levels: int
    is_whole: bool


class Schemas:
    """The schemas of one document. Expanded definitions are shared by all tools."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.expanded: dict[tuple[str, str, int, bool], Shown] = {}
        self.whole: dict[tuple[str, str, bool], Shown] = {}
        self._is_flagged: dict[tuple[str, str], bool] = {}
        self._flagged: dict[tuple[str, str], frozenset[str]] = {}
        self.circles = Circles(document.references_in)
        self._lost: set[str] = set()
        self._known_flags: dict[str, bool] = {}
        self._children: dict[str, list[str]] | None = None

    # -- One level --

    def resolve(self, value: Any) -> Any:
        """Resolve a possible reference to anything but a schema; {} if its target is missing."""
        text: dict[str, Any] = {}
        for _ in range(ALIASES_LONGEST):
            if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
                return {**value, **text} if text and isinstance(value, dict) else value
            if self.document.is_31:
                beside = {key: value[key] for key in ("summary", "description") if key in value}
                text = {**beside, **text}
            value = self._target(value["$ref"])
        return {}

    def schema(self, value: Any) -> Any:
        """Resolve a possible reference to a schema. What stands beside it adds to it, as another
        part of an `allOf`, where the version of the document says so."""
        for _ in range(ALIASES_LONGEST):
            if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
                return value
            if beside := self.beside(value):
                return {**beside, "allOf": [{"$ref": value["$ref"]}, *list_at(beside, "allOf")]}
            value = self._target(value["$ref"])
        return {}

    def _target(self, pointer: str) -> Any:
        found = self.document.at(pointer)
        if found is not MISSING:
            return found
        if pointer not in self._lost:
            self._lost.add(pointer)
            log.warning(
                "%s: what refers to it takes any value, or is left out", nothing_at(pointer)
            )
        return {}

    def beside(self, value: Schema) -> Schema:
        """Return the keywords beside a reference that count: before 3.1 none, except that null is
        allowed, which exporters cannot say in another way."""
        if self.document.is_31:
            return {key: one for key, one in value.items() if key != "$ref"}
        return {"nullable": True} if is_nullable(value) else {}

    def pointer(self, value: Any) -> str:
        """Return the last reference on the way to a schema; empty without one."""
        pointer = ""
        for _ in range(ALIASES_LONGEST):
            if not (onward := text_at(value, "$ref")) or self.beside(value):
                break
            pointer, value = onward, self.document.at(onward)
        return pointer

    def parts(self, schema: Any) -> list[dict[str, Any]]:
        """Return what always applies: the schema itself, and the parts of its `allOf`."""
        found: list[dict[str, Any]] = []
        seen, waiting = set(), [schema]
        while waiting and len(found) < PARTS_MOST:
            one = waiting.pop(0)
            pointer = text_at(one, "$ref")
            node = {} if pointer in seen else self.schema(one)
            if pointer and not self.beside(one):
                seen.add(pointer)
            if isinstance(node, dict) and node:
                found.append(node)
                waiting += list_at(node, "allOf")
        return found

    def description(self, schema: Any) -> str:
        """Return the description, also of a reference."""
        said = (text_at(part, "description") for part in self.parts(schema))
        pointer = self.pointer(schema)
        is_lost = pointer and self.document.at(pointer) is MISSING
        return next(filter(None, said), nothing_at(pointer) if is_lost else "")

    def is_flagged(self, schema: Any, flag: str, depth: int = 0) -> bool:
        """Whether the schema is `readOnly` or `writeOnly`, itself or by what it is made of."""
        if not isinstance(schema, dict) or depth > COMPOSED_DEEPEST:
            return False
        pointer = schema.get("$ref")
        if isinstance(pointer, str) and not self.beside(schema):
            key = (pointer, flag)
            if key not in self._is_flagged:
                self._is_flagged[key] = False  # for a circle
                self._is_flagged[key] = self.is_flagged(self.document.at(pointer), flag, depth + 1)
            return self._is_flagged[key]
        node = self.schema(schema)
        if node.get(flag) is True:
            return True
        if any(self.is_flagged(part, flag, depth + 1) for part in list_at(node, "allOf")):
            return True
        either = [
            one
            for key in ("oneOf", "anyOf")
            for one in list_at(node, key)
            if not (isinstance(one, dict) and one.get("type") == "null")
        ]
        return bool(either) and all(self.is_flagged(one, flag, depth + 1) for one in either)

    def flagged(self, schema: Any, flag: str, depth: int = 0) -> frozenset[str]:
        """Return the names of all properties with the flag, also of parts and alternatives."""
        if not isinstance(schema, dict) or depth > COMPOSED_DEEPEST or not self._knows(flag):
            return frozenset()
        pointer = schema.get("$ref")
        if isinstance(pointer, str) and not self.beside(schema):
            key = (pointer, flag)
            if key not in self._flagged:
                self._flagged[key] = frozenset()  # for a circle
                target = self.document.at(pointer)
                self._flagged[key] = self.flagged(target, flag, depth + 1)
            return self._flagged[key]
        node = self.schema(schema)
        properties = dict_at(node, "properties")
        found = {name for name, one in properties.items() if self.is_flagged(one, flag)}
        for part in (one for key in COMPOSITIONS for one in list_at(node, key)):
            found |= self.flagged(part, flag, depth + 1)
        return frozenset(found)

    def _knows(self, flag: str) -> bool:
        """Whether the document has the flag at all: most do not, and are not searched for it."""
        if flag not in self._known_flags:
            self._known_flags[flag] = flag.encode() in self.document.data
        return self._known_flags[flag]

    def children(self, pointer: str) -> list[str]:
        """Return the schemas that inherit from this one by `allOf`, also from one another."""
        if self._children is None:
            self._children = {}
            for place in (("components", "schemas"), ("definitions",)):
                self._note_parents(place, self._children)
        found: dict[str, None] = {}
        waiting = [pointer]
        while waiting:
            for child in self._children.get(waiting.pop(), []):
                if child not in found and child != pointer:
                    found[child] = None
                    waiting.append(child)
        return list(found)

    def _note_parents(self, place: tuple[str, ...], children: dict[str, list[str]]) -> None:
        for name, raw in self.document.branch(*place).items():
            own = "/".join(["#", *place, name.replace("~", "~0").replace("/", "~1")])
            whole = decoded(raw) if b'"allOf"' in bytes(raw) else {}
            for part in list_at(whole, "allOf"):
                children.setdefault(text_at(part, "$ref"), []).append(own)

    # -- Display --

    def shown(self, schema: Any, nodes: int = SCHEMA_NODES, hidden: str = READ_ONLY) -> Schema:
        """Expand as deep as the limit allows, level by level, so that exponential schemas are never
        built. Requests do not show what is `readOnly`, answers what is `writeOnly`."""
        view = View(self, hidden)
        found = view.build(schema, 0, None, inner=False)
        for depth in range(1, DEEPEST + 1):
            if found.is_whole:
                break
            deeper = view.build(schema, depth, None, inner=False)
            if deeper.nodes > nodes:
                break
            found = deeper
        return found.schema


class View:
    """The schemas of requests, or those of answers."""

    def __init__(self, api: Schemas, hidden: str) -> None:
        self.api, self.hidden = api, hidden
        self._nesting = Nesting()

    def build(self, schema: Any, depth: int, within: str | None, *, inner: bool) -> Shown:
        """Expand one level. `within` is the enclosing definition; `inner` means that a circular
        reference led here."""
        nodes, levels, is_whole = 0, 0, True

        def reference(pointer: str) -> Schema:
            nonlocal nodes, levels, is_whole
            found = self._referred(pointer, depth, within, inner=inner)
            nodes += found.nodes
            levels = max(levels, found.levels + 1)
            is_whole = is_whole and found.is_whole
            return found.schema

        def finish(node: Schema) -> Schema:
            nonlocal nodes
            nodes += 1
            return merged(node)

        return Shown(self._rebuilt(schema, reference, finish), nodes, levels, is_whole)

    def _rebuilt(
        self, schema: Any, reference: Callable[[str], Schema], finish: Callable[[Schema], Schema]
    ) -> Schema:
        """Return a valid copy, with references replaced."""
        if (end := self._nesting.end(schema)) is not None:
            return end
        with self._nesting:
            return self._rebuilt_one(schema, reference, finish)

    def _rebuilt_one(
        self, schema: Schema, reference: Callable[[str], Schema], finish: Callable[[Schema], Schema]
    ) -> Schema:
        if isinstance(pointer := schema.get("$ref"), str):
            beside = self.api.beside(schema)
            if not beside:
                return reference(pointer)
            own = self._rebuilt(beside, reference, finish)
            if own.keys() <= DESCRIBING:
                return {**reference(pointer), **own}
            return finish({"allOf": [reference(pointer), own]})
        built: Schema = {}
        hidden = self.api.flagged(schema, self.hidden)
        for key, value in schema.items():
            if key in NAMED_BELOW and isinstance(value, dict):
                built[key] = {
                    name: self._rebuilt(one, reference, finish)
                    for name, one in value.items()
                    if name not in hidden or key != "properties"
                }
            elif key in LIST_BELOW and isinstance(value, list) and value:
                built[key] = [self._rebuilt(one, reference, finish) for one in value]
            elif key == "items" and isinstance(value, list):  # now named prefixItems
                built["prefixItems"] = [self._rebuilt(one, reference, finish) for one in value]
            elif key in ONE_BELOW and isinstance(value, dict):
                built[key] = self._rebuilt(value, reference, finish)
            elif (good := sound(key, value)) is not MISSING:
                built[key] = good
        return without_required(finish(built), hidden)

    def _referred(self, pointer: str, depth: int, within: str | None, *, inner: bool) -> Shown:
        name = pointer.rpartition("/")[2]
        api = self.api
        is_circular = within is not None and api.circles.are_joined(within, pointer)
        if is_circular and inner:
            circular = {"type": "object", "description": f"Circular reference to {name}"}
            return Shown(circular, 1, 0, True)
        if depth == 0:
            return Shown({"description": f"{name}: not written out here"}, 1, 0, False)
        known = api.whole.get((self.hidden, pointer, is_circular))
        if known is not None and known.levels < depth:
            return known
        key = (self.hidden, pointer, depth - 1, is_circular)
        if key not in api.expanded:
            api.expanded[key] = self._define(pointer, depth - 1, is_circular=is_circular)
        return api.expanded[key]

    def _define(self, pointer: str, depth: int, *, is_circular: bool) -> Shown:
        target = self.api.document.at(pointer)
        if not isinstance(target, dict):
            return Shown({"description": nothing_at(pointer)}, 1, 0, True)
        found = self.build(self.api.schema(target), depth, pointer, inner=is_circular)
        if found.is_whole:
            self.api.whole[self.hidden, pointer, is_circular] = found
        return found


def nothing_at(pointer: str) -> str:
    return f"Nothing is at {pointer} in this document"


def is_nullable(schema: Any) -> bool:
    """Whether null is allowed besides: `nullable` of OpenAPI 3.0, `x-nullable` before it."""
    return isinstance(schema, dict) and (
        schema.get("nullable") is True or schema.get("x-nullable") is True
    )


def without_required(schema: Schema, names: frozenset[str]) -> Schema:
    if not names or "required" not in schema:
        return schema
    left = [name for name in schema["required"] if name not in names]
    rest = {key: one for key, one in schema.items() if key != "required"}
    return {**rest, "required": left} if left else rest
