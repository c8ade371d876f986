"""Builds the JSON Schema 2020-12 of what a request may contain, from a document of any version.

References are kept, with each definition once for each way of use: on its own, or as a part of a
composition. `arguments` compiles the result. Nothing here makes a tool uncallable that the document
means to be called.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ocp_agent.discriminators import Claim, claims_of, discriminator_of, heirs_of
from ocp_agent.keywords import (
    CHECKED,
    LIST_BELOW,
    NAMED_BELOW,
    ONE_BELOW,
    Schema,
    is_pattern,
    sound,
    with_plain_edges,
)
from ocp_agent.nesting import Nesting
from ocp_agent.raw import list_at
from ocp_agent.references import MISSING
from ocp_agent.schemas import COMPOSITIONS, READ_ONLY, Schemas, is_nullable

USES_MOST = 4_000  # definitions of one tool with a use of their own
NULL: Schema = {"type": "null"}
COMPOSED = (*COMPOSITIONS, "dependentSchemas", "if")
CLOSING = ("additionalProperties", "unevaluatedProperties")


class Use(NamedTuple):
    """How a schema is used: within which composition, which decides what it demands."""

    answered: frozenset[str] = frozenset()  # properties that only answers have
    is_composed: bool = False
    is_part: bool = False  # of an allOf


ALONE = Use()


class Checks:
    def __init__(self, api: Schemas, definitions: dict[str, Schema]) -> None:
        self.api, self.definitions = api, definitions
        self._names: dict[tuple[str, Use], str] = {}
        self._waiting: list[tuple[str, Use]] = []
        self._nesting = Nesting()

    def built(self, schema: Any) -> Schema:
        """Point all references into the definitions, and add their targets there."""
        whole = self._built(schema, ALONE, "")
        while self._waiting:
            pointer, use = self._waiting.pop()
            target = self.api.document.at(pointer)
            self.definitions[self._names[pointer, use]] = self._built(target, use, pointer)
        return whole

    def _reference(self, pointer: str, use: Use) -> Schema:
        if len(self._names) > USES_MOST:
            use = ALONE
        if (pointer, use) not in self._names:
            self._names[pointer, use] = self._defined({})
            self._waiting.append((pointer, use))
        return {"$ref": f"#/$defs/{self._names[pointer, use]}"}

    def _defined(self, schema: Schema) -> str:
        name = f"d{len(self.definitions)}"
        self.definitions[name] = schema
        return name

    def _built(self, schema: Any, use: Use, pointer: str) -> Schema:
        """Build one schema. `pointer` leads to it if it is a definition."""
        if (end := self._nesting.end(schema)) is not None:
            return end
        with self._nesting:
            return self._built_one(schema, use, pointer)

    def _built_one(self, schema: Schema, use: Use, pointer: str) -> Schema:
        if isinstance(onward := schema.get("$ref"), str):
            beside = self.api.beside(schema)
            if not beside:
                return self._reference(onward, use)
            schema = {**beside, "allOf": [{"$ref": onward}, *list_at(beside, "allOf")]}
        if isinstance(schema.get("items"), list):  # before 3.1 what is now prefixItems
            schema = {**schema, "prefixItems": schema["items"], "items": None}
        answered = use.answered if use.is_composed else self.api.flagged(schema, READ_ONLY)
        inner = Use(answered, is_composed=True)
        built = {
            key: good
            for key, value in schema.items()
            if key in CHECKED and (good := self._keyword(key, value, inner)) is not MISSING
        }
        required = [name for name in built.pop("required", []) if name not in answered]
        built |= {"required": required} if required else {}
        built = self._closed(with_plain_edges(built), schema, use)
        built = self._discriminated(built, schema, use, pointer)
        return nullable(built) if is_nullable(schema) else built

    def _keyword(self, key: str, value: Any, inner: Use) -> Any:
        if key in NAMED_BELOW and isinstance(value, dict):
            named = value.items()
            if key == "patternProperties":
                return {
                    name: self._built(one, ALONE, "") for name, one in named if is_pattern(name)
                }
            use = inner if key == "dependentSchemas" else ALONE
            return {name: self._built(one, use, "") for name, one in named}
        if key in LIST_BELOW and isinstance(value, list) and value:
            use = ALONE if key == "prefixItems" else inner._replace(is_part=key == "allOf")
            return [self._built(one, use, "") for one in value]
        if key in ONE_BELOW and isinstance(value, dict):
            use = inner if key in {"if", "then", "else", "not"} else ALONE
            return self._built(value, use, "")
        if key == "pattern" and isinstance(value, str) and not is_pattern(value):
            return MISSING
        return sound(key, value)

    def _closed(self, built: Schema, schema: Schema, use: Use) -> Schema:
        """Close a composition as a whole: each part that is closed by itself would refuse the
        properties of the others, which nobody means. What is required may also be given."""
        is_composed = any(key in built for key in COMPOSED)
        is_closed = self.is_closed(schema) if is_composed else self._closes(schema)
        if not is_closed and not use.is_part:
            return built
        built = {key: one for key, one in built.items() if key not in CLOSING or one is not False}
        if required := built.get("required"):
            built["properties"] = {**{name: {} for name in required}, **built.get("properties", {})}
        if use.is_part:
            return built
        return {**built, CLOSING[is_composed]: False}

    def _closes(self, schema: Schema) -> bool:
        return any(schema.get(key) is False for key in CLOSING)

    def is_closed(self, schema: Any) -> bool:
        return any(self._closes(part) for part in self.api.parts(schema))

    def _discriminated(self, built: Schema, schema: Schema, use: Use, pointer: str) -> Schema:
        """Let the discriminator choose the branch of a composition, or the schema that inherits."""
        name, _ = discriminator_of(schema)
        if not name:
            return built
        for key in ("oneOf", "anyOf"):
            if key in built:
                claims = claims_of(list_at(schema, key), schema, self.api)
                return self._chosen(built, key, name, claims) if claims else built
        heirs = [] if use.is_part else heirs_of(schema, pointer, self.api)
        claims = [one for one in claims_of(heirs, schema, self.api) if one.names]
        if not claims:
            return built
        every = [value for one in claims for value in one.names]
        rules = [
            rule(name, one.names, self._reference(one.branch["$ref"], ALONE)) for one in claims
        ]
        return {"allOf": [*rules, {"if": named(name, every), "else": built}]}

    def _chosen(self, built: Schema, key: str, name: str, claims: Sequence[Claim]) -> Schema:
        rest = {other: one for other, one in built.items() if other != key}
        branches = [
            one if "$ref" in one else {"$ref": f"#/$defs/{self._defined(one)}"}
            for one in built[key]
        ]
        every = [value for one in claims for value in one.names]
        rules = [
            rule(name, one.names, branch)
            for one, branch in zip(claims, branches, strict=True)
            if one.names
        ]
        otherwise: Schema = {key: branches}
        if all(one.said for one in claims):
            said = [value for one in claims for value in one.said]
            wrong = {"properties": {name: {"enum": said}}}
            otherwise = {"if": {"required": [name]}, "then": wrong, "else": otherwise}
        rules.append({"if": named(name, every), "else": otherwise})
        return {**rest, "allOf": [*rest.get("allOf", []), *rules]}


def named(name: str, values: Sequence[str]) -> Schema:
    return {"properties": {name: {"enum": list(values)}}, "required": [name]}


def rule(name: str, values: Sequence[str], branch: Schema) -> Schema:
    return {"if": named(name, values), "then": branch}


def nullable(schema: Schema) -> Schema:
    """Allow null besides. A plain schema stays plain, so that its errors do."""
    is_plain = schema.keys().isdisjoint((*COMPOSED, "$ref", "const", "not"))
    if not is_plain or "type" not in schema:
        return {"if": {"not": NULL}, "then": schema}
    types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    wider = {**schema, "type": list(dict.fromkeys([*types, "null"]))}
    if "enum" in wider and None not in wider["enum"]:
        wider["enum"] = [*wider["enum"], None]
    return wider
