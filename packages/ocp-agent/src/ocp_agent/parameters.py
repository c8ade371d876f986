"""Reads the parameters and the response of a tool from its operation.

Called once per tool, on first access. Path items and operations, Swagger 2 and OpenAPI 3,
references and compositions all result in one flat list of `Parameter`s.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from ocp_agent.bodies import body_of, form_of
from ocp_agent.keywords import Schema
from ocp_agent.raw import dict_at, list_at, text_at
from ocp_agent.schemas import WRITE_ONLY, Schemas
from ocp_agent.shapes import (
    DEFAULT_STYLES,
    SLOT,
    Body,
    Parameter,
    Shape,
    is_json,
    missing_slots,
    slot_name,
    slots_of,
    with_keys,
    with_open_slots,
)

COLLECTION_FORMATS = {"csv": ("form", False), "ssv": ("spaceDelimited", False),
                      "tsv": ("tabDelimited", False), "pipes": ("pipeDelimited", False),
                      "multi": ("form", True)}  # fmt: skip
# Parameters must not set these headers; OpenAPI requires it for the first three.
HEADERS_OF_THE_CLIENT = {"accept", "authorization", "content-type", "content-length", "host"}
ANY, ACCEPTED_MOST = "*/*", 12
MEDIA_TYPE = re.compile(r"[\w!#$&^.+*-]+/[\w!#$&^.+*-]+( *; *[\w.-]+=[\w.\"/:+-]+)*")
WITHOUT_CHARSET = re.compile(r"; *charset=[^;]*", re.IGNORECASE)
BESIDE_THE_SCHEMA = {"name", "in", "required", "description", "collectionFormat", "content"}


def shape_of(
    operation: dict[str, Any], item: dict[str, Any], path: str, api: Schemas, media_type: str = ""
) -> Shape:
    said = declared(operation, item, api)
    slots = slots_of(path)
    named = [one for one in said if one["in"] in DEFAULT_STYLES or one["in"] == "querystring"]
    found = [parameter_of(one, api) for one in named if one["in"] != "path" or one["name"] in slots]
    found += missing_slots(path, [one.name for one in found if one.location == "path"])
    found = with_open_slots(path, found)
    body: Body | None
    if forms := [one for one in said if one["in"] == "formData"]:
        fields = [parameter_of({**one, "in": "body"}, api) for one in forms]
        body, inside = form_of(fields, operation.get("consumes"), media_type)
    else:
        body, inside = body_of(operation, said, api, media_type)
    return Shape(
        parameters=tuple(with_keys([*found, *inside])),
        body=body,
        response_schema=response_schema_of(operation, api),
        security=security_of(operation.get("security")),
        server=server_of(operation) or server_of(item),
        context=dict_at(operation, "x-ocp-context"),
        accept=accept_of(operation, api),
    )


def declared(operation: dict[str, Any], item: dict[str, Any], api: Schemas) -> list[dict[str, Any]]:
    """Merge the parameters of the path item and the operation; the latter take precedence."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in [*list_at(operation, "parameters"), *list_at(item, "parameters")]:
        parameter = api.resolve(one)
        if isinstance(parameter, dict) and isinstance(parameter.get("name"), str):
            where = parameter.get("in")
            location = where if isinstance(where, str) else "query"
            if location == "header" and parameter["name"].lower() in HEADERS_OF_THE_CLIENT:
                continue
            name = slot_name(parameter["name"]) if location == "path" else parameter["name"]
            found.setdefault((location, name), {**parameter, "in": location, "name": name})
    # Path parameters first: readers look for them first.
    return sorted(found.values(), key=lambda one: one["in"] != "path")


def parameter_of(said: dict[str, Any], api: Schemas) -> Parameter:
    location = said["in"]
    schema, media_type = said.get("schema"), ""
    if schema is None and (content := dict_at(said, "content")):
        media_type = next(iter(content))
        schema = dict_at(content, media_type).get("schema")
    if schema is None:  # in Swagger 2 the schema is beside the name
        schema = {key: value for key, value in said.items() if key not in BESIDE_THE_SCHEMA}
    style, explode = style_of(said, location)
    return Parameter(
        key=said["name"],
        name=said["name"],
        location=location,
        required=said.get("required") is True or location == "path",
        description=text_at(said, "description") or api.description(schema),
        schema=schema,
        style=style,
        explode=explode,
        media_type=media_type,
        reserved=said.get("allowReserved") is True,
    )


def style_of(said: dict[str, Any], location: str) -> tuple[str, bool]:
    usual = DEFAULT_STYLES.get(location, "form")
    if "type" in said and "schema" not in said:  # Swagger 2
        chosen = COLLECTION_FORMATS.get(text_at(said, "collectionFormat"), ("form", False))
        return chosen if usual == "form" else (usual, False)
    style = text_at(said, "style") or usual
    explode = said.get("explode")
    return style, explode if isinstance(explode, bool) else style in {"form", "deepObject"}


def response_schema_of(operation: dict[str, Any], api: Schemas) -> Schema | None:
    """Return the schema of the first successful JSON response."""
    responses = dict_at(operation, "responses")
    succeeded = [code for code in responses if str(code).upper()[:1] == "2"]
    for code in sorted(succeeded):
        response = api.resolve(responses[code])
        for media_type, content in dict_at(response, "content").items():
            if is_json(media_type) and isinstance(content, dict) and "schema" in content:
                return api.shown(content["schema"], hidden=WRITE_ONLY)
        if isinstance(response, dict) and "schema" in response:  # Swagger 2
            return api.shown(response["schema"], hidden=WRITE_ONLY)
    return None


def accept_of(operation: dict[str, Any], api: Schemas) -> str:
    """Name the media types of all answers: JSON first, and at last whatever there is. Other types
    come second only if the operation succeeds with JSON."""
    responses = dict_at(operation, "responses")
    said = [name for name in list_at(operation, "produces") if isinstance(name, str)]
    names = {WITHOUT_CHARSET.sub("", name).strip(): True for name in said}
    for code, one in responses.items():
        for name in dict_at(api.resolve(one), "content"):
            plain = WITHOUT_CHARSET.sub("", name).strip()
            names[plain] = names.get(plain, False) or str(code).startswith("2")
    told = [name for name in names if name != ANY and MEDIA_TYPE.fullmatch(name)]
    succeeds = any(names[name] and is_json(name) for name in told)
    lesser = ";q=0.5" if succeeds else ""
    ordered = [name for name in told if is_json(name)]
    ordered += [f"{name}{lesser}" for name in told if not is_json(name)]
    return ", ".join([*ordered[:ACCEPTED_MOST], f"{ANY};q=0.1"]) if ordered else ANY


def security_of(said: Any) -> tuple[dict[str, list[str]], ...] | None:
    if not isinstance(said, list):
        return None
    return tuple(one for one in said if isinstance(one, dict))


def server_of(level: dict[str, Any]) -> str | None:
    """Return the first server URL of a document, a path item or an operation."""
    return next(filter(None, map(filled_server, list_at(level, "servers"))), None)


def filled_server(server: Any) -> str:
    """Fill in the default values of the variables; empty if the result is no URL."""
    variables = dict_at(server, "variables")

    def default(found: re.Match[str]) -> str:
        variable = dict_at(variables, found[1])
        choices = [variable.get("default"), *list_at(variable, "enum")]
        return next((str(one) for one in choices if one is not None), found[0])

    url = SLOT.sub(default, text_at(server, "url"))
    try:
        urlsplit(url)
    except ValueError:
        return ""
    return url
