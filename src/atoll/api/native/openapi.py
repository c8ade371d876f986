"""The OpenAPI documents of the dialects, completed with what the framework cannot know."""

import json
from importlib.metadata import version
from typing import Any

import msgspec
from litestar import Litestar

from atoll.api.native.examples import REQUESTS

MUTATIONS = ("post", "patch", "put", "delete")
# What has no versions, and what is kept in no database.
UNVERSIONED = frozenset(
    {"deleteApiKey", "deleteType", "deleteRegion", "deleteFault", "deleteFaults"}
)
UNKEPT = frozenset({"createFault", "deleteFault", "deleteFaults"})
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same request gets the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
IF_MATCH: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "Refuses with 412 where the version is another by now.",
    "schema": {"type": "string", "pattern": '^(\\*|"[0-9]{1,18}")$'},
}
LAST_EVENT_ID: dict[str, Any] = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "As `after`, and before it.",
    "schema": {"type": "string", "pattern": "^([0-9]{1,18}\\.[0-9]{1,18}|now)?$"},
}
NO_NUL = {"pattern": "^[^\\x00]*$"}
# What the framework does not say of parameters, by their names.
PARAMETERS: dict[str, dict[str, Any]] = {
    "limit": {"description": "How many at most.", "schema": {"default": 100}},
    "cursor": {
        "description": "The `next` of the page before.",
        "schema": {"pattern": "^[ -~]*$"},
    },
    "name": {"description": "Only what has this name.", "schema": NO_NUL},
    "label": {
        "description": "`key=value`; where several are given, all must hold.",
        "schema": {
            "maxItems": 16,
            "items": {"type": "string", "pattern": "^[^=\\x00]+=[^\\x00]*$"},
        },
    },
    "state": {"description": "Only what is in one of these states."},
    "order": {"description": "Oldest first, or newest first.", "schema": {"default": "asc"}},
    "resource_id": {"description": "Only what is about this thing.", "schema": NO_NUL},
    "wait": {
        "description": "Holds the answer back for so many seconds at most.",
        "schema": {"minimum": 0},
    },
    "until": {"description": "What `wait` waits for."},
    "dry_run": {"description": "Answers with the plan, and does nothing."},
    "bytes": {"description": "How much of the end."},
    "after": {
        "description": "The id of the last event that is known already, or `now`.",
        "schema": {"pattern": LAST_EVENT_ID["schema"]["pattern"]},
    },
    "follow": {"description": "Goes on with what happens; otherwise ends at the last event."},
}
IN_PATH = "Its id, or its name where only one has that name."
TEXT = """A compute cloud that you run yourself. Every resource has `id`, `metadata`, `spec` and
`status`; what takes time answers with an operation, which `GET /v1/operations/{id}?wait=30` awaits.
"""


def native_document(app: Any) -> dict[str, Any]:
    assert isinstance(app, Litestar), "the native dialect is an application of its own"
    document: dict[str, Any] = json.loads(json.dumps(app.openapi_schema.to_schema()))
    document["info"] = {
        "title": "Atoll",
        "version": version("atoll"),
        "description": TEXT,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
    schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["key"] = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    schemes["bearer"] = {"type": "http", "scheme": "bearer"}
    document["security"] = [{"key": []}, {"bearer": []}]
    document["components"]["schemas"].update(body_schemas(app))
    for path in document["paths"].values():
        for method, operation in path.items():
            complete(method, operation)
    return document


def body_schemas(app: Litestar) -> dict[str, Any]:
    """Bodies as they are decoded: the framework leaves out what it does not know of."""
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


def complete(method: str, operation: dict[str, Any]) -> None:
    name = operation["operationId"]
    parameters = [describe(parameter) for parameter in operation.get("parameters", ())]
    if method in MUTATIONS and name not in UNKEPT:
        parameters.append(IDEMPOTENCY_KEY)
    if method in {"patch", "delete"} and name not in UNVERSIONED:
        parameters.append(IF_MATCH)
    if name == "streamEvents":
        parameters.append(LAST_EVENT_ID)
    operation["parameters"] = parameters
    operation["responses"].get("204", {}).pop("content", None)
    body = operation.get("requestBody", {})
    if name in REQUESTS:
        body["content"]["application/json"]["examples"] = {"example": {"value": REQUESTS[name]}}
    choices = body.get("content", {}).get("application/json", {}).get("schema", {}).get("oneOf", ())
    if {"type": "null"} in choices:
        body["required"] = False


def describe(parameter: dict[str, Any]) -> dict[str, Any]:
    """With what is known of its name. A parameter in a query is absent or there, never null."""
    schema = not_null(parameter["schema"])
    known = PARAMETERS.get(parameter["name"], {}) if parameter["in"] == "query" else {}
    described = {
        "name": parameter["name"],
        "in": parameter["in"],
        "required": parameter["required"],
        "description": known.get("description", IN_PATH),
        "schema": schema | known.get("schema", {}),
    }
    if schema.get("type") == "array":
        described |= {"style": "form", "explode": True}
    return described


def not_null(schema: dict[str, Any]) -> dict[str, Any]:
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
