"""Turns the body of a request into parameters: one per property if the body is an object.

References, `allOf` and alternatives are flattened; JSON, forms and files are treated alike. Called
by `parameters`.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from ocp_agent.raw import dict_at, list_at, text_at
from ocp_agent.schemas import Schemas, types_of
from ocp_agent.shapes import ALONE, FORM, JSON, MULTIPART, Body, Parameter, is_json, plain_type

COMPOSED_DEEPEST = 16


def body_of(
    operation: dict[str, Any], found: list[dict[str, Any]], api: Schemas
) -> tuple[Body | None, list[Parameter]]:
    """Read the body of OpenAPI 3, or the parameter `in: body` of Swagger 2."""
    said = api.resolve(operation.get("requestBody"))
    if whole := next((one for one in found if one["in"] == "body"), None):
        media_type = media_type_of(operation.get("consumes"))
        said = {**whole, "content": {media_type: {"schema": whole.get("schema")}}}
    content = dict_at(said, "content")
    if not content:
        return None, []
    media_type = media_type_of(list(content))
    schema = dict_at(content, media_type).get("schema", {})
    required = said.get("required") is True
    view = object_view(schema, api)
    if view is None or not view.properties or not is_named(media_type):
        text = text_at(said, "description")
        alone = Parameter(ALONE, ALONE, "body", required, text, schema)
        return Body(media_type, schema, required, is_alone=True), [alone]
    body = Body(media_type, schema, required, is_open=view.is_open)
    return body, list(properties_of(view, api))


def form_of(fields: list[Parameter], consumes: Any) -> tuple[Body, list[Parameter]]:
    """Read the body of Swagger 2, where form fields are already parameters."""
    has_file = any(one.schema.get("type") == "file" for one in fields)
    is_multipart = has_file or (isinstance(consumes, list) and MULTIPART in consumes)
    required = [one.name for one in fields if one.required]
    properties = {one.name: one.schema for one in fields}
    schema = {"type": "object", "properties": properties, "required": required}
    return Body(MULTIPART if is_multipart else FORM, schema, bool(required)), fields


def media_type_of(offered: Any) -> str:
    """Choose the media type: JSON, then a form, then the first one."""
    names = [name for name in offered or () if isinstance(name, str)]
    for is_wanted in (
        lambda name: plain_type(name) == JSON,
        is_json,
        lambda name: plain_type(name) == FORM,
        lambda name: plain_type(name) == MULTIPART,
    ):
        found = next(filter(is_wanted, names), None)
        if found is not None:
            return found
    return names[0] if names else JSON


def is_named(media_type: str) -> bool:
    """Whether a body of that type has named properties."""
    return is_json(media_type) or plain_type(media_type) in {FORM, MULTIPART}


class ObjectView(msgspec.Struct, frozen=True):
    """A flattened object schema."""

    properties: dict[str, Any]
    required: set[str]
    is_open: bool


def object_view(schema: Any, api: Schemas, depth: int = 0) -> ObjectView | None:
    """Flatten a schema; None if it is not always an object. Alternatives contribute all their
    properties, required if all of them require it; the check of the body covers combinations."""
    schema = api.resolve(schema)
    if not isinstance(schema, dict) or depth > COMPOSED_DEEPEST:
        return None
    types = types_of(schema.get("type"))
    own = dict_at(schema, "properties")
    if types and "object" not in types:
        return None
    parts = [object_view(one, api, depth + 1) for one in list_at(schema, "allOf")]
    either = [
        object_view(one, api, depth + 1)
        for key in ("oneOf", "anyOf")
        for one in list_at(schema, key)
        if api.resolve(one).get("type") != "null"
    ]
    is_object = bool(types) or bool(own) or any(part is not None for part in parts)
    if any(one is None or not one.properties for one in either) and not is_object:
        return None
    if not is_object and not either:
        return None
    views = [one for one in (*parts, *either) if one is not None]
    properties = {name: one for view in reversed(views) for name, one in view.properties.items()}
    required = {name for name in list_at(schema, "required") if isinstance(name, str)}
    required |= {name for part in parts if part is not None for name in part.required}
    if either and all(one is not None for one in either):
        required |= set.intersection(*(one.required for one in either if one is not None))
    more = schema.get("additionalProperties")
    is_open = more is True or isinstance(more, dict) or any(view.is_open for view in views)
    return ObjectView({**properties, **own}, required, is_open)


def properties_of(view: ObjectView, api: Schemas) -> Iterator[Parameter]:
    for name, schema in view.properties.items():
        said = api.resolve(schema)
        if isinstance(said, dict) and said.get("readOnly") is True:
            continue
        text = text_at(said, "description")
        yield Parameter(name, name, "body", name in view.required, text, schema)
