"""Turns the body of a request into parameters: one per property if the body is an object.

References, `allOf` and alternatives are flattened; JSON, forms and files are treated alike. Called
by `parameters`.
"""

from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import msgspec
from msgspec.structs import replace

from ocp_agent.discriminators import claims_of, discriminator_of, heirs_of
from ocp_agent.keywords import texts_in, types_of
from ocp_agent.raw import dict_at, list_at, text_at
from ocp_agent.schemas import COMPOSED_DEEPEST, READ_ONLY, Schemas
from ocp_agent.shapes import (
    ALONE,
    FORM,
    JSON,
    MULTIPART,
    Body,
    Parameter,
    is_json,
    is_patch,
    is_yaml,
    plain_type,
)


def body_of(
    operation: dict[str, Any], found: list[dict[str, Any]], api: Schemas, wanted: str = ""
) -> tuple[Body | None, list[Parameter]]:
    """Read the body of OpenAPI 3, or the parameter `in: body` of Swagger 2."""
    said = api.resolve(operation.get("requestBody"))
    if whole := next((one for one in found if one["in"] == "body"), None):
        names = [one for one in list_at(operation, "consumes") if isinstance(one, str)]
        content = {name: {"schema": whole.get("schema")} for name in names or [JSON]}
        said = {**whole, "content": content}
    content = dict_at(said, "content")
    if not content:
        return None, []
    offered = tuple(content)
    named = next((one for one in offered if fnmatch(plain_type(wanted), plain_type(one))), None)
    media_type = wanted if named else media_type_of(offered)
    chosen = dict_at(content, named or media_type)
    schema = chosen.get("schema", {})
    required = said.get("required") is True
    view = Flattener(api).view(schema)
    if view is None or not view.properties or not is_named(media_type):
        text = text_at(said, "description") or api.description(schema)
        alone = Parameter(ALONE, ALONE, "body", required, text, schema)
        body = Body(media_type, schema, required, is_alone=True, media_types=offered)
        return body, [alone]
    fields = list(properties_of(view, api))
    encoding = encoding_of(chosen, fields, api)
    body = Body(media_type, schema, required, is_open=view.is_open, encoding=encoding)
    return replace(body, media_types=offered), fields


def encoding_of(
    chosen: dict[str, Any], fields: list[Parameter], api: Schemas
) -> dict[str, dict[str, Any]]:
    """Return how each field of a form is written, also where its schema says it."""
    said = dict_at(chosen, "encoding")
    found = {name: one for name in said if (one := api.resolve(dict_at(said, name)))}
    for field in fields:
        parts = api.parts(field.schema)
        parts += [one for part in parts for one in api.parts(part.get("items"))]
        types = [text_at(part, "contentMediaType") for part in parts]
        if media_type := next(filter(None, types), ""):
            found.setdefault(field.name, {"contentType": media_type})
    return found


def form_of(
    fields: list[Parameter], consumes: Any, wanted: str = ""
) -> tuple[Body, list[Parameter]]:
    """Read the body of Swagger 2, where form fields are already parameters."""
    has_file = any(one.schema.get("type") == "file" for one in fields)
    offered = [name for name in (consumes or []) if name in {FORM, MULTIPART}]
    is_multipart = has_file or (wanted or (offered or [FORM])[0]) == MULTIPART
    required = [one.name for one in fields if one.required]
    properties = {one.name: one.schema for one in fields}
    schema = {"type": "object", "properties": properties, "required": required}
    encoding = {
        one.name: {"style": one.style, "explode": one.explode}
        for one in fields
        if one.schema.get("type") == "array"
    }
    media_type = MULTIPART if is_multipart else FORM
    body = Body(media_type, schema, bool(required), encoding=encoding)
    return replace(body, media_types=tuple(offered) or (media_type,)), fields


def media_type_of(offered: Any) -> str:
    """Choose the media type: JSON, a merge patch before a list of changes, then a form, then the
    first one."""
    names = [name for name in offered or () if isinstance(name, str)]
    for is_wanted in (
        lambda name: plain_type(name) == JSON,
        lambda name: "merge-patch" in name,
        lambda name: is_json(name) and not is_patch(name),
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
    is_object = is_json(media_type) and not is_patch(media_type)
    return is_object or is_yaml(media_type) or plain_type(media_type) in {FORM, MULTIPART}


# Keywords that do not make two properties of one name different ones.
ABOUT = {"default", "deprecated", "description", "example", "examples", "externalDocs", "title"}


class ObjectView(msgspec.Struct, frozen=True):
    """A flattened object schema."""

    properties: dict[str, Any]
    required: set[str]
    named: dict[str, None]  # all properties that any part requires, whether declared or not
    is_open: bool


class Flattener:
    """Flattens the schema of one body; each definition once, however often it is composed."""

    def __init__(self, api: Schemas) -> None:
        self.api = api
        self._known: dict[str, ObjectView | None] = {}

    def view(self, schema: Any, depth: int = 0) -> ObjectView | None:
        pointer = self.api.pointer(schema)
        if depth > COMPOSED_DEEPEST:
            return None
        if not pointer or depth == 0:
            return self._view(self.api.schema(schema), pointer, depth)
        if pointer not in self._known:
            self._known[pointer] = None  # for a circle
            self._known[pointer] = self._view(self.api.schema(schema), pointer, depth)
        return self._known[pointer]

    def _view(self, node: Any, pointer: str, depth: int) -> ObjectView | None:
        """Return None if the schema is not always an object. Alternatives contribute all their
        properties, required if all of them require it; the check of the body covers the rest."""
        if not isinstance(node, dict):
            return None
        types = types_of(node.get("type"))
        own = dict_at(node, "properties")
        if types and "object" not in types:
            return None
        parts = [self.view(one, depth + 1) for one in list_at(node, "allOf")]
        branches = [one for key in ("oneOf", "anyOf") for one in list_at(node, key)]
        either = [
            self.view(one, depth + 1) for one in branches if not is_null(self.api.schema(one))
        ]
        is_object = bool(types) or bool(own) or any(part is not None for part in parts)
        if any(one is None or not one.properties for one in either) and not is_object:
            return None
        if not is_object and not either and "required" not in node:
            return None
        heirs = heirs_of(node, pointer, self.api) if depth == 0 and not branches else []
        also = [self.view(heir, depth + 1) for heir in heirs]
        views = [one for one in (*parts, *either, *also) if one is not None]
        properties = joined(
            "anyOf", [one.properties for one in (*either, *also) if one is not None]
        )
        together = [*(part.properties for part in parts if part is not None), own]
        properties |= joined("allOf", together)
        name, _ = discriminator_of(node)
        if name and (values := values_of(branches or heirs, node, self.api)):
            about = self.api.description(properties.get(name, {}))
            properties[name] = {"type": "string", "enum": values, "description": about}
        needed = texts_in(node.get("required"))
        required = {
            *needed,
            *(name for part in parts if part is not None for name in part.required),
        }
        if either and all(one is not None for one in either):
            required |= set.intersection(*(one.required for one in either if one is not None))
        more = node.get("additionalProperties")
        is_open = more is True or isinstance(more, dict) or bool(dict_at(node, "patternProperties"))
        return ObjectView(
            properties,
            required,
            {**dict.fromkeys(needed), **{name: None for one in views for name in one.named}},
            is_open or any(view.is_open for view in views),
        )


def joined(key: str, places: list[dict[str, Any]]) -> dict[str, Any]:
    """Join properties by name; those that differ all count, or one of them does."""
    found: dict[str, list[Any]] = {}
    for properties in places:
        for name, schema in properties.items():
            known = found.setdefault(name, [])
            if all(without_texts(schema) != without_texts(one) for one in known):
                known.append(schema)
    return {name: one[0] if len(one) == 1 else {key: one} for name, one in found.items()}


def without_texts(schema: Any) -> Any:
    """Return what a schema allows, without what is only said of it."""
    if not isinstance(schema, dict):
        return schema
    return {key: one for key, one in schema.items() if key not in ABOUT}


def values_of(branches: list[Any], node: dict[str, Any], api: Schemas) -> list[str]:
    """Return the values of the discriminator, if each branch has its own."""
    claims = claims_of(branches, node, api)
    if all(one.said for one in claims):
        return [name for one in claims for name in one.said]
    is_closed = "oneOf" in node or "anyOf" in node  # else it may be a schema that nobody mapped
    is_whole = is_closed and all(one.names for one in claims)
    return [name for one in claims for name in one.names] if is_whole else []


def is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "null"


def properties_of(view: ObjectView, api: Schemas) -> Iterator[Parameter]:
    """Return the parameters, without those that only answers have; what is required but nowhere
    declared takes any value."""
    for name in {**view.properties, **view.named}:
        schema = view.properties.get(name, {})
        if not api.is_flagged(schema, READ_ONLY):
            text = api.description(schema)
            yield Parameter(name, name, "body", name in view.required, text, schema)
