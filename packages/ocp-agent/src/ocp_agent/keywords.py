"""Keywords of schemas, as documents have them: each one is repaired or left out by itself.

A keyword that JSON Schema does not know, or with a value that it does not allow, never costs more
than that keyword. Used by `schemas` and `checks`.
"""

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ocp_agent.lazily import Lazily
from ocp_agent.references import MISSING

if TYPE_CHECKING:
    import jsonschema_rs
else:
    jsonschema_rs = Lazily("jsonschema_rs")

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
EDGES = {"exclusiveMaximum", "exclusiveMinimum"}  # booleans in OpenAPI 3.0, numbers in 3.1
NUMBERS = {*EDGES, "maximum", "minimum", "multipleOf"}
TEXTS = {"description", "format", "pattern", "title"}
FLAGS = {"deprecated", "nullable", "readOnly", "uniqueItems", "writeOnly"}
# Keywords that decide what a schema allows. All others are only shown.
CHECKED = {*ONE_BELOW, *LIST_BELOW, *NAMED_BELOW, *COUNTS, *NUMBERS, "const", "dependentRequired",
           "enum", "format", "pattern", "required", "type", "uniqueItems"}  # fmt: skip


def types_of(said: Any) -> list[str]:
    """Return the repaired types of a schema; none if there is no valid type."""
    words = said if isinstance(said, list) else [said]
    known = [MENDED_TYPES.get(word, word) for word in words if isinstance(word, str)]
    return list(dict.fromkeys(word for word in known if word in TYPES))


def texts_in(value: Any) -> list[str]:
    found = [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
    return list(dict.fromkeys(found))


def sound(key: str, value: Any) -> Any:
    """Repair the value of a keyword without schemas below, or return MISSING."""
    if key == "type":
        types = types_of(value)
        return MISSING if not types else types if isinstance(value, list) else types[0]
    if key == "required":
        return texts_in(value) or MISSING
    if key == "dependentRequired":
        named = value.items() if isinstance(value, dict) else ()
        return {name: texts_in(one) for name, one in named} or MISSING
    if key in COUNTS:
        return int(value) if is_number(value) and value >= 0 and value == int(value) else MISSING
    if key in NUMBERS:
        is_bound = is_number(value) and (key != "multipleOf" or value > 0)
        return value if is_bound or (key in EDGES and isinstance(value, bool)) else MISSING
    if key == "enum":
        is_sound = isinstance(value, list) and bool(value)
    elif key in TEXTS:
        is_sound = isinstance(value, str)
    elif key in ONE_BELOW or key in FLAGS:
        is_sound = isinstance(value, bool)
    else:
        is_sound = not key.startswith("$") and key not in NAMED_BELOW | LIST_BELOW | {"definitions"}
    return value if is_sound else MISSING


def is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


@lru_cache(maxsize=4_096)
def is_pattern(text: str) -> bool:
    """Whether the validator can use it: patterns of other languages differ in their rarer parts."""
    try:
        jsonschema_rs.Draft202012Validator({"pattern": text})
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True


def with_plain_edges(schema: Schema) -> Schema:
    """Turn `exclusiveMinimum: true` beside a minimum into a number."""
    for edge, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(edge), bool):
            is_exclusive = schema.pop(edge)
            if is_exclusive and bound in schema:
                schema[edge] = schema.pop(bound)
    return schema
