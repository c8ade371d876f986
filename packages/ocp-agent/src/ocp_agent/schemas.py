"""Builds JSON Schemas from real documents: valid ones for checking, short ones for display.

Schemas for checking keep their references, with each definition once. Schemas for display are
expanded as deep as `SCHEMA_NODES` allows, independent of the order of access. Errors in a schema
are repaired or removed.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from ocp_agent.circles import Circles
from ocp_agent.document import MISSING, Document
from ocp_agent.limits import SCHEMA_NODES

Schema = dict[str, Any]

ONE_BELOW = {"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames",
             "then", "unevaluatedItems", "unevaluatedProperties"}  # fmt: skip
LIST_BELOW = {"allOf", "anyOf", "oneOf", "prefixItems"}
NAMED_BELOW = {"dependentSchemas", "patternProperties", "properties"}
TYPES = {"array", "boolean", "integer", "null", "number", "object", "string"}
MENDED_TYPES = {"int": "integer", "int32": "integer", "int64": "integer", "long": "integer",
                "float": "number", "double": "number", "decimal": "number", "bool": "boolean",
                "str": "string", "text": "string", "uuid": "string", "date": "string",
                "datetime": "string", "list": "array", "dict": "object", "map": "object",
                "hash": "object", "enum": "string"}  # fmt: skip
COUNTS = {"maxContains", "maxItems", "maxLength", "maxProperties", "minContains", "minItems",
          "minLength", "minProperties"}  # fmt: skip
NUMBERS = {"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"}
TEXTS = {"description", "format", "pattern", "title"}
# These keywords would change the base of references in a definition.
BASES = {"$anchor", "$defs", "$dynamicAnchor", "$dynamicRef", "$id", "$schema", "definitions", "id"}
DEEPEST = 32  # depth of expanded references
ALIASES_LONGEST = 1_000  # chain of references to references


def types_of(said: Any) -> list[str]:
    """Return the repaired types of a schema; none if there is no valid type."""
    words = said if isinstance(said, list) else [said]
    known = [MENDED_TYPES.get(word, word) for word in words if isinstance(word, str)]
    return [word for word in known if word in TYPES]


def mended(key: str, value: Any) -> Any:
    """Repair the value of a keyword for JSON Schema, or return MISSING."""
    if key == "type":
        types = types_of(value)
        return MISSING if not types else types if isinstance(value, list) else types[0]
    if key == "required":
        names = [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
        return names or MISSING
    if key in COUNTS:
        sound = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    elif key in NUMBERS:
        sound = isinstance(value, int | float) and (key != "multipleOf" or value > 0)
    elif key == "enum":
        sound = isinstance(value, list) and bool(value)
    elif key in TEXTS:
        sound = isinstance(value, str)
    elif key in ONE_BELOW or key == "uniqueItems":
        sound = isinstance(value, bool)
    else:
        sound = key not in BASES | NAMED_BELOW | LIST_BELOW
    return value if sound else MISSING


def rebuilt(
    schema: Any, reference: Callable[[str], Schema], finish: Callable[[Schema], Schema]
) -> Schema:
    """Return a valid copy; a `$ref` is combined with the keywords beside it."""
    if schema is False:
        return {"not": {}}
    if not isinstance(schema, dict):
        return {}
    built: Schema = {}
    if isinstance(pointer := schema.get("$ref"), str):
        if len(schema) == 1:
            return reference(pointer)
        built |= reference(pointer)
    for key, value in schema.items():
        if key == "$ref":
            continue
        if key in NAMED_BELOW and isinstance(value, dict):
            built[key] = {name: rebuilt(one, reference, finish) for name, one in value.items()}
        elif key in LIST_BELOW and isinstance(value, list) and value:
            built[key] = [rebuilt(one, reference, finish) for one in value]
        elif key == "items" and isinstance(value, list):  # now named prefixItems
            built["prefixItems"] = [rebuilt(one, reference, finish) for one in value]
        elif key in ONE_BELOW and isinstance(value, dict):
            built[key] = rebuilt(value, reference, finish)
        elif (sound := mended(key, value)) is not MISSING:
            built[key] = sound
    return finish(built)


def merged(schema: Schema) -> Schema:
    """Merge the parts of an `allOf` if all of them are object schemas."""
    parts = schema.get("allOf")
    if not parts or any({"allOf", "anyOf", "oneOf", "not"} & part.keys() for part in parts):
        return schema
    own = {key: value for key, value in schema.items() if key != "allOf"}
    whole: Schema = {}
    for part in [*parts, own]:
        properties = {**whole.get("properties", {}), **part.get("properties", {})}
        required = [*whole.get("required", []), *part.get("required", [])]
        whole |= part
        if properties:
            whole["properties"] = properties
        if required:
            whole["required"] = list(dict.fromkeys(required))
    return whole


def checkable(schema: Schema) -> Schema:
    """Convert to JSON Schema 2020-12, without fields that are read-only."""
    if schema.get("nullable") is True:
        schema = nullable(schema)
    for edge, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(edge), bool):  # as in OpenAPI 3.0
            is_exclusive = schema.pop(edge)
            if is_exclusive and bound in schema:
                schema[edge] = schema.pop(bound)
    properties = schema.get("properties", {})
    answered = {name for name, one in properties.items() if one.get("readOnly") is True}
    if answered:
        schema["properties"] = {n: one for n, one in properties.items() if n not in answered}
        required = [name for name in schema.get("required", []) if name not in answered]
        schema["required"] = required
    return schema


def nullable(schema: Schema) -> Schema:
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    types = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    wider = {**schema, "type": [*types, "null"]}
    if "enum" in wider:
        wider["enum"] = [*wider["enum"], None]
    return wider


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
        self._shown: dict[tuple[str, int, bool], Shown] = {}
        self._whole: dict[tuple[str, bool], Shown] = {}
        self._circles = Circles(document.references_in)

    def resolve(self, value: Any) -> Any:
        """Resolve a possible reference; {} if its target is missing."""
        for _ in range(ALIASES_LONGEST):
            if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
                return value
            beside = {key: one for key, one in value.items() if key != "$ref"}
            value = self.document.at(value["$ref"])
            value = {**value, **beside} if isinstance(value, dict) else {}
        return {}

    def shown(self, schema: Any, nodes: int = SCHEMA_NODES) -> Schema:
        """Expand as deep as the limit allows, level by level, so that exponential schemas are never
        built."""
        found = self._build(schema, 0, None, inner=False)
        for depth in range(1, DEEPEST + 1):
            if found.is_whole:
                break
            deeper = self._build(schema, depth, None, inner=False)
            if deeper.nodes > nodes:
                break
            found = deeper
        return found.schema

    def checked(self, schema: Any, definitions: dict[str, Schema]) -> Schema:
        """Point all references into `definitions`, and add their targets there."""

        def reference(pointer: str) -> Schema:
            if pointer not in names:
                names[pointer] = f"d{len(definitions)}"
                definitions[names[pointer]] = {}
                waiting.append(pointer)
            return {"$ref": f"#/$defs/{names[pointer]}"}

        names: dict[str, str] = {}
        waiting: list[str] = []
        whole = rebuilt(schema, reference, checkable)
        while waiting:
            pointer = waiting.pop()
            definition = rebuilt(self.document.at(pointer), reference, checkable)
            definitions[names[pointer]] = definition
        return whole

    def _build(self, schema: Any, depth: int, within: str | None, *, inner: bool) -> Shown:
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

        built = rebuilt(schema, reference, finish)
        return Shown(built, nodes, levels, is_whole)

    def _referred(self, pointer: str, depth: int, within: str | None, *, inner: bool) -> Shown:
        name = pointer.rpartition("/")[2]
        is_circular = within is not None and self._circles.are_joined(within, pointer)
        if is_circular and inner:
            circular = {"type": "object", "description": f"Circular reference to {name}"}
            return Shown(circular, 1, 0, True)
        if depth == 0:
            return Shown({"description": f"{name}: not written out here"}, 1, 0, False)
        known = self._whole.get((pointer, is_circular))
        if known is not None and known.levels < depth:
            return known
        key = (pointer, depth - 1, is_circular)
        if key not in self._shown:
            self._shown[key] = self._define(pointer, depth - 1, is_circular=is_circular)
        return self._shown[key]

    def _define(self, pointer: str, depth: int, *, is_circular: bool) -> Shown:
        schema = self.resolve(self.document.at(pointer))
        if not isinstance(schema, dict):
            return Shown({"description": f"Nothing is at {pointer}"}, 1, 0, True)
        found = self._build(schema, depth, pointer, inner=is_circular)
        if found.is_whole:
            self._whole[pointer, is_circular] = found
        return found
