"""Values for the parameters and the response of a tool, built by `parameters` and `bodies`.

Also converts to and from the entries with which the protocol describes parameters: tools from a
registry, or built by hand, have only these.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from ocp_agent.keywords import Schema, types_of

SLOT = re.compile(r"\{([^{}]+)\}")
# Keys that models accept; others are rewritten, and mapped back in calls.
KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
LOCATIONS = ("path", "query", "header", "cookie", "querystring", "body")
DEFAULT_STYLES = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
ALONE = "body"  # key of a body without named properties
# Keywords of a schema that an entry shows beside its type.
SHOWN_BESIDE = ("enum", "format", "default", "items", "properties", "minimum", "maximum",
                "minLength", "maxLength", "pattern")  # fmt: skip
MORE_THAN_AN_ENTRY_SAYS = {"allOf", "anyOf", "oneOf", "not", "additionalProperties", "required"}
# Fields of an entry that belong to the parameter, not to its schema.
OF_THE_PARAMETER = {"description", "required", "location", "name", "schema", "style", "explode",
                    "media_type", "alone", "open", "reserved", "encoding"}  # fmt: skip


class Parameter(msgspec.Struct, frozen=True):
    key: str  # name in calls
    name: str  # name on the wire
    location: str
    required: bool = False
    description: str = ""
    schema: Any = {}  # unchanged from the document
    style: str = "form"
    explode: bool = False
    media_type: str = ""  # if the value has its own media type
    reserved: bool = False  # reserved characters are not encoded


class Body(msgspec.Struct, frozen=True):
    media_type: str = JSON
    schema: Any = {}
    required: bool = False
    is_alone: bool = False  # one argument is the complete body
    is_open: bool = False  # accepts additional properties
    encoding: dict[str, Any] = {}  # of the fields of a form, from the document
    media_types: tuple[str, ...] = ()  # all that the operation accepts


class Shape(msgspec.Struct, frozen=True):
    """The parts of a tool that are expensive to compute."""

    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    response_schema: Schema | None = None
    security: tuple[dict[str, list[str]], ...] | None = None  # None: the default of the API
    server: str | None = None
    context: dict[str, Any] = {}  # its x-ocp-context
    accept: str = ""  # media types of its answers


def plain_type(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def is_json(media_type: str) -> bool:
    plain = plain_type(media_type)
    return plain in {JSON, "text/json", "*/*", "application/*"} or plain.endswith("+json")


def is_patch(media_type: str) -> bool:
    """Whether it is a JSON Patch: a list of changes, whatever the document says of it."""
    return plain_type(media_type) == "application/json-patch+json"


def is_plain(media_type: str) -> bool:
    """Whether its values are sent as the text or the bytes that they are: XML, CSV, images."""
    is_form = plain_type(media_type) in {FORM, MULTIPART}
    return not (is_json(media_type) or is_form or is_yaml(media_type) or is_lines(media_type))


def is_yaml(media_type: str) -> bool:
    plain = plain_type(media_type)
    return plain.endswith(("+yaml", "/yaml", "/x-yaml"))


def is_lines(media_type: str) -> bool:
    """Whether each line is a JSON value of its own."""
    return plain_type(media_type).endswith(("ndjson", "/jsonl", "/jsonlines", "/x-jsonlines"))


def slot_name(text: str) -> str:
    """Return the name in a slot: `{+name}` is that of RFC 6570, whose value may have slashes."""
    return text.removeprefix("+").removesuffix("*")


def slots_of(path: str) -> list[str]:
    """Return the names of the slots that are sent: a fragment is not."""
    return [slot_name(text) for text in SLOT.findall(path.partition("#")[0])]


def missing_slots(path: str, known: Iterable[str]) -> list[Parameter]:
    """Add the parameters of the path, even if the document does not describe them."""
    described = set(known)
    return [
        Parameter(name, name, "path", True, "Part of the path.", {"type": "string"}, "simple")
        for name in dict.fromkeys(slots_of(path))
        if name not in described
    ]


def with_open_slots(path: str, parameters: Iterable[Parameter]) -> list[Parameter]:
    """Mark the path parameters that may have slashes."""
    names = {slot_name(text) for text in SLOT.findall(path) if text.startswith("+")}
    return [
        replace(one, reserved=True) if one.location == "path" and one.name in names else one
        for one in parameters
    ]


def with_keys(parameters: Iterable[Parameter]) -> Iterator[Parameter]:
    """Assign unique keys. For equal names, the path parameter keeps the name, then the query
    parameter; that of the body becomes `name_body`."""
    taken: set[str] = set()
    for one in sorted(parameters, key=lambda one: LOCATIONS.index(one.location)):
        key = one.name if KEY.fullmatch(one.name) else rewritten(one.name)
        if key in taken:
            key = f"{key}_{one.location}"
        while key in taken:
            key += "_"
        taken.add(key)
        yield one if key == one.key else replace(one, key=key)


def rewritten(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_.-]+", "_", name).strip("_")[:64] or "_"


# -- Entries ---------------------------------------------------------------------------------------


def entry_of(parameter: Parameter, schema: Schema, body: Body | None) -> dict[str, Any]:
    """Build the entry of the protocol; `schema` is the expanded schema."""
    types = types_of(schema.get("type"))
    entry: dict[str, Any] = {
        "description": parameter.description,
        "required": parameter.required,
        "location": parameter.location,
        "type": next((word for word in types if word != "null"), type_seen_in(schema)),
    }
    entry |= {key: schema[key] for key in SHOWN_BESIDE if key in schema}
    if not MORE_THAN_AN_ENTRY_SAYS.isdisjoint(schema) or len(types) > 1:
        entry["schema"] = schema
    if parameter.name != parameter.key:
        entry["name"] = parameter.name
    if parameter.location != "body":
        usual = Parameter("", "", parameter.location)
        usual_style = DEFAULT_STYLES.get(parameter.location, usual.style)
        if parameter.style != usual_style:
            entry["style"] = parameter.style
        if parameter.explode != (parameter.style in {"form", "deepObject"}):
            entry["explode"] = parameter.explode
        if parameter.reserved:
            entry["reserved"] = True
    elif body is not None:
        entry |= {"alone": True} if body.is_alone else {}
        entry |= {"open": True} if body.is_open else {}
        entry |= {} if is_json(body.media_type) else {"media_type": body.media_type}
        if parameter.name in body.encoding:
            entry["encoding"] = body.encoding[parameter.name]
    if parameter.media_type:
        entry["media_type"] = parameter.media_type
    return entry


def type_seen_in(schema: Schema) -> str:
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema:
        return "array"
    for key in ("oneOf", "anyOf", "allOf"):
        for part in schema.get(key, []):
            if types := [word for word in types_of(part.get("type")) if word != "null"]:
                return types[0]
    return "string"


def shape_of_entries(
    entries: Mapping[str, Any], path: str, response_schema: Schema | None
) -> Shape:
    """Build a shape from entries of a registry or of a hand-made tool."""
    found = [parameter_of_entry(key, entry) for key, entry in entries.items()]
    slots = [one.name for one in found if one.location == "path"]
    found += missing_slots(path, slots)
    inside = [one for one in found if one.location == "body"]
    body = None
    if inside:
        said = entries[inside[0].key]
        alone = said.get("alone") is True
        whole = {
            "type": "object",
            "properties": {one.name: one.schema for one in inside},
            "required": [one.name for one in inside if one.required],
        }
        body = Body(
            media_type=said.get("media_type", JSON),
            schema=inside[0].schema if alone else whole,
            required=any(one.required for one in inside),
            is_alone=alone,
            is_open=said.get("open") is True,
            encoding={
                one.name: entries[one.key]["encoding"]
                for one in inside
                if "encoding" in entries[one.key]
            },
        )
    return Shape(tuple(with_keys(with_open_slots(path, found))), body, response_schema)


def in_type(shape: Shape, media_type: str) -> Shape:
    """Return the shape with another media type, without knowing what that would change."""
    if not media_type or shape.body is None:
        return shape
    return replace(shape, body=replace(shape.body, media_type=media_type))


def parameter_of_entry(key: str, entry: Any) -> Parameter:
    said: dict[str, Any] = entry if isinstance(entry, dict) else {}
    location = said.get("location", "query")
    location = location if location in LOCATIONS else "query"
    schema = said.get("schema")
    if not isinstance(schema, dict):
        schema = {name: value for name, value in said.items() if name not in OF_THE_PARAMETER}
    style = said.get("style", DEFAULT_STYLES.get(location, "form"))
    return Parameter(
        key=key,
        name=str(said.get("name", key)),
        location=location,
        required=said.get("required") is True or location == "path",
        description=str(said.get("description", "")),
        schema=schema,
        style=style,
        explode=said.get("explode", style in {"form", "deepObject"}) is True,
        media_type="" if location == "body" else str(said.get("media_type", "")),
        reserved=said.get("reserved") is True,
    )
