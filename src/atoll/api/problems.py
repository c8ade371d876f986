"""The problems of a request's body: every faulty field with a sentence, not only the first.

Called only after the framework has rejected a body; valid bodies never get here.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import jsonschema_rs
import msgspec

from atoll.domain.errors import Malformed

PROBLEMS_MAX = 20
TOO_DEEP = "the body has too many objects or lists inside one another"
SHOWN_MAX = 60
INVALID = "INVALID"
# By the keyword of the schema that a body violates.
CODES = {
    "required": "REQUIRED", "additionalProperties": "UNKNOWN_FIELD", "type": "TYPE",
    "enum": "NOT_ONE_OF", "const": "NOT_ONE_OF", "pattern": "FORM", "minimum": "OUT_OF_RANGE",
    "maximum": "OUT_OF_RANGE", "exclusiveMinimum": "OUT_OF_RANGE", "minLength": "LENGTH",
    "maxLength": "LENGTH", "minItems": "TOO_MANY", "maxItems": "TOO_MANY",
    "minProperties": "TOO_MANY", "maxProperties": "TOO_MANY",
}  # fmt: skip
RANGES = {
    "minimum": ("minimum", "maximum"),
    "maximum": ("minimum", "maximum"),
    "exclusiveMinimum": ("exclusiveMinimum", "maximum"),
    "minLength": ("minLength", "maxLength"),
    "maxLength": ("minLength", "maxLength"),
    "minItems": ("minItems", "maxItems"),
    "maxItems": ("minItems", "maxItems"),
    "minProperties": ("minProperties", "maxProperties"),
    "maxProperties": ("minProperties", "maxProperties"),
}
# Fields whose values are never repeated, even if they have the wrong type.
SECRETS = {"password", "user_data", "startup_script"}
UNITS = {"Length": " characters", "Items": " entries", "Properties": " entries"}


class Problem(msgspec.Struct, kw_only=True):
    """`code` is the name of a reason, or of the violated rule of the schema."""

    field: str
    code: str = INVALID
    message: str


def problems_of(kind: Any, raw: bytes) -> list[Problem]:
    """Raises Malformed if the body is not JSON."""
    if not raw:
        return [Problem(field="", message="a request body is required")]
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise Malformed(TOO_DEEP) from error
    try:
        every = found_in(document, msgspec.json.schema(kind))
    except (RecursionError, ValueError) as error:  # the validator's error for deep nesting
        raise Malformed(TOO_DEEP) from error
    if every:
        return every
    try:
        msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        return [Problem(field=path_in(str(error)), message=message_in(str(error)))]
    return []


def found_in(document: Any, schema: Any) -> list[Problem]:
    found = jsonschema_rs.validator_for(schema).iter_errors(document)
    return [*islice(told(found, schema), PROBLEMS_MAX)]


def told(errors: Iterable[Any], schema: Any) -> Iterator[Problem]:
    for error in errors:
        yield from one_told(error, schema)


def one_told(error: Any, schema: Any) -> Iterator[Problem]:
    path = [str(part) for part in error.instance_path]
    word = error.kind.name
    if word == "anyOf":
        # One of the choices is null; the errors of the other choices are more useful.
        choices = [c for c in error.kind.context if "null" not in types_of(c)]
        inner = choices[0] if choices else error.kind.context[0]
        yield from told(inner, schema)
    elif word == "required":
        yield Problem(
            field=joined(path, error.kind.property),
            code=CODES[word],
            message="this field is required",
        )
    elif word == "additionalProperties":
        for name in error.kind.unexpected:
            yield Problem(
                field=joined(path, name), code=CODES[word], message="there is no such field"
            )
    elif word == "propertyNames":
        yield Problem(field=joined(path), message=f"a key is not allowed: {error.message}")
    else:
        yield Problem(
            field=joined(path), code=CODES.get(word, INVALID),
            message=sentence(error, word, schema),
        )  # fmt: skip


def types_of(choice: list[Any]) -> list[str]:
    return [t for e in choice if e.kind.name == "type" for t in e.kind.types]


def sentence(error: Any, word: str, schema: Any) -> str:
    if word == "type":
        is_secret = not SECRETS.isdisjoint(error.instance_path)
        given = "" if is_secret else f", not {shown(error.instance)}"
        return f"must be of type {' or '.join(error.kind.types)}{given}"
    rules = rules_at(schema, list(error.schema_path)[:-1])
    if word == "enum" and "enum" in rules:
        allowed = ", ".join(map(str, rules["enum"]))
        return f"must be one of {allowed}, not {shown(error.instance)}"
    if word == "pattern" and "description" in rules:
        return str(rules["description"])
    if word not in RANGES:
        return str(error.message)
    unit = next((text for end, text in UNITS.items() if word.endswith(end)), "")
    value = error.instance if not unit else len(error.instance)
    lowest, highest = (rules.get(key) for key in RANGES[word])
    allowed = " to ".join(str(v) for v in (lowest, highest) if v is not None)
    if highest is None:
        allowed = f"at least {lowest}" if lowest is not None else "another value"
    elif lowest is None:
        allowed = f"at most {highest}"
    verb = "have" if unit else "be"
    return f"must {verb} {allowed}{unit}, not {shown(value)}"


def rules_at(schema: Any, path: list[Any]) -> dict[str, Any]:
    """Return the part of the schema that rejected a value; the path may contain references."""
    at = schema
    for part in path:
        at = schema["$defs"][at["$ref"].rpartition("/")[2]] if part == "$ref" else at[part]
    return at if isinstance(at, dict) else {}


def shown(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…"


def joined(path: list[str], *more: str) -> str:
    return ".".join([*path, *more])


def path_in(text: str) -> str:
    r"""Convert the path of a msgspec error, `… - at `$.spec.rules[0].port``, to
    `spec.rules.0.port`."""
    found = re.search(r" - at `\$\.?(.*)`$", text)
    path = re.sub(r"\[(\d+)\]", r".\1", found.group(1)) if found else ""
    return path.replace("[...]", "").lstrip(".")


def message_in(text: str) -> str:
    return re.sub(r" - at .*$", "", text)
