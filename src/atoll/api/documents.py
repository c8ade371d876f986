"""The OpenAPI document of a dialect, from the framework and the types of bodies.

Each dialect adds what neither of them contains.
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar

from atoll.api.ocp import IN_INFO, IN_MUTATION

Words = Mapping[str, str]
Complete = Callable[[str, str, dict[str, Any]], None]


def document_of(
    app: Any,
    info: dict[str, Any],
    schemes: dict[str, Any],
    complete: Complete,
    server: str = "",
) -> dict[str, Any]:
    """Build a document. `complete` gets each operation, with its path and method. Any of the
    `schemes` authenticates a caller. The paths are relative to `server`, as in the documents of
    vendors."""
    assert isinstance(app, Litestar), "a dialect is an application of its own"
    document: dict[str, Any] = json.loads(json.dumps(app.openapi_schema.to_schema()))
    document["info"] = info | IN_INFO
    components = document.setdefault("components", {})
    components.setdefault("securitySchemes", {}).update(schemes)
    document["security"] = [{name: []} for name in schemes]
    components.setdefault("schemas", {}).update(body_schemas(app))
    document["servers"] = [{"url": server or "/"}]
    document["paths"] = {p.removeprefix(server): item for p, item in document["paths"].items()}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            operation["responses"].get("204", {}).pop("content", None)
            choices = body_schema_of(operation).get("oneOf", ())
            if {"type": "null"} in choices:
                operation["requestBody"]["required"] = False
            if method != "get":
                operation["x-ocp-context"] = IN_MUTATION
            complete(path, method, operation)
    return document


def words_in(path: Path) -> Words:
    """Read a file of sentences by name."""
    return tomllib.loads(path.read_text())


def explain(document: dict[str, Any], words: Words) -> None:
    """Describe fields without a description with the sentence of `Schema.field` or `field`."""
    for schema, body in document["components"]["schemas"].items():
        for field, rules in body.get("properties", {}).items():
            said = words.get(f"{schema}.{field}", words.get(field))
            if said is not None:
                rules.setdefault("description", said)


def body_schema_of(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    schema: dict[str, Any] = content.get("application/json", {}).get("schema", {})
    return schema


def body_schemas(app: Litestar) -> dict[str, Any]:
    """Return the schemas of bodies as they are decoded: the framework omits what it does not
    know."""
    fields = [
        handler.parsed_data_field
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
    ]
    kinds = {field.annotation for field in fields if field is not None}
    _, components = msgspec.json.schema_components(
        kinds, ref_template="#/components/schemas/{name}"
    )
    return components


def not_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Remove null: a parameter in a query or a path is absent or present, never null."""
    choices = [choice for choice in schema.get("oneOf", ()) if choice.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key != "oneOf"}
    whole = rest | (choices[0] if choices else {})
    if isinstance(whole.get("type"), list):
        whole["type"] = next(kind for kind in whole["type"] if kind != "null")
    if "enum" in whole:
        whole["enum"] = [value for value in whole["enum"] if value is not None]
    return whole


def encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
