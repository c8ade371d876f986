"""The OpenAPI documents of the dialects, completed with what the framework cannot know."""

import json
from importlib.metadata import version
from typing import Any

from litestar import Litestar

from atoll.api.native.instances import EXAMPLE_SPEC

MUTATIONS = ("post", "patch", "put", "delete")
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
CREATE_EXAMPLE = {
    "metadata": {"name": "web-server-01", "labels": {"env": "production", "team": "platform"}},
    "spec": EXAMPLE_SPEC,
}
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
    for path in document["paths"].values():
        for method, operation in path.items():
            complete(method, operation)
    body = document["paths"]["/v1/instances"]["post"]["requestBody"]
    body["content"]["application/json"]["examples"] = {"create": {"value": CREATE_EXAMPLE}}
    return document


def complete(method: str, operation: dict[str, Any]) -> None:
    parameters = operation.setdefault("parameters", [])
    if method in MUTATIONS:
        parameters.append(IDEMPOTENCY_KEY)
    if method in {"patch", "delete"}:
        parameters.append(IF_MATCH)


def encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
