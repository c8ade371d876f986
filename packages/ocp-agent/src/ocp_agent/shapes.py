"""What a tool takes and answers, as values: found by `parameters` and `bodies`, read by the rest.

Also the plain entries in which the protocol shows parameters, there and back: a tool that came from
a registry or was made by hand has nothing but these.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from ocp_agent.schemas import Schema, types_of

SLOT = re.compile(r"\{([^{}]+)\}")
# What models accept as a key; others are rewritten, and known again when they come back.
KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
LOCATIONS = ("path", "query", "header", "cookie", "querystring", "body")
DEFAULT_STYLES = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
ALONE = "body"  # the key of a body that is not an object of named properties
# Of a schema: what an entry shows beside its type.
SHOWN_BESIDE = ("enum", "format", "default", "items", "properties", "minimum", "maximum",
                "minLength", "maxLength", "pattern")  # fmt: skip
MORE_THAN_AN_ENTRY_SAYS = {"allOf", "anyOf", "oneOf", "not", "additionalProperties", "required"}
# Of an entry: what belongs to the parameter and not to its schema.
OF_THE_PARAMETER = {"description", "required", "location", "name", "schema", "style", "explode",
                    "media_type", "alone", "open"}  # fmt: skip


class Parameter(msgspec.Struct, frozen=True):
    key: str  # what callers write
    name: str  # what is sent
    location: str
    required: bool = False
    description: str = ""
    schema: Any = {}  # as it stands in the document
    style: str = "form"
    explode: bool = False
    media_type: str = ""  # where the value is a document of its own


class Body(msgspec.Struct, frozen=True):
    media_type: str = JSON
    schema: Any = {}
    required: bool = False
    is_alone: bool = False  # one argument is the whole body
    is_open: bool = False  # takes properties that it does not name


class Shape(msgspec.Struct, frozen=True):
    """All of a tool that takes work to find out."""

    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    response_schema: Schema | None = None
    security: tuple[dict[str, list[str]], ...] | None = None  # None: as the API says
    server: str | None = None
    context: dict[str, Any] = {}  # its x-ocp-context


def plain_type(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def is_json(media_type: str) -> bool:
    plain = plain_type(media_type)
    return plain in {JSON, "*/*", "application/*"} or plain.endswith("+json")


def missing_slots(path: str, known: Iterable[str]) -> list[Parameter]:
    """A path cannot be filled without them, whether the document describes them or not."""
    described = set(known)
    return [
        Parameter(name, name, "path", True, "Part of the path.", {"type": "string"}, "simple")
        for name in dict.fromkeys(SLOT.findall(path))
        if name not in described
    ]


def with_keys(parameters: Iterable[Parameter]) -> Iterator[Parameter]:
    """Each under a key of its own. Of those with one name the path's keeps it, then the query's;
    a body's is called `name_body`."""
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
    """As the protocol shows it; `schema` is the parameter's, written out."""
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
    elif body is not None:
        entry |= {"alone": True} if body.is_alone else {}
        entry |= {"open": True} if body.is_open else {}
        entry |= {} if is_json(body.media_type) else {"media_type": body.media_type}
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
    """Of a tool that a registry describes, or somebody by hand."""
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
        )
    return Shape(tuple(with_keys(found)), body, response_schema)


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
    )
