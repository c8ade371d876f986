"""The native dialect's OpenAPI document, completed with what the framework does not know."""

from importlib.metadata import version
from typing import Any

from atoll.api.documents import document_of, not_null
from atoll.api.native.examples import REQUESTS
from atoll.domain.events import PATTERNS
from atoll.domain.webhooks import PATTERNS_MAX

MUTATIONS = ("post", "patch", "put", "delete")
# Resources without versions, or not stored in a database.
UNVERSIONED = frozenset(
    {"deleteApiKey", "deleteType", "deleteRegion", "deleteFault", "deleteFaults"}
)
UNKEPT = frozenset({"createFault", "deleteFault", "deleteFaults"})
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeating a request with the same key returns the first response again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
IF_MATCH: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "Answer 412 if the version of the resource has changed.",
    "schema": {"type": "string", "pattern": '^(\\*|"[0-9]{1,18}")$'},
}
LAST_EVENT_ID: dict[str, Any] = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "Like `after`, and takes precedence over it.",
    "schema": {"type": "string", "pattern": "^([0-9]{1,18}\\.[0-9]{1,18}|now)?$"},
}
NO_NUL = {"pattern": "^[^\\x00]*$"}
# Descriptions of parameters, by their names.
PARAMETERS: dict[str, dict[str, Any]] = {
    "limit": {"description": "Maximum number of items.", "schema": {"default": 100}},
    "cursor": {
        "description": "The `next` of the previous page.",
        "schema": {"pattern": "^[ -~]*$"},
    },
    "name": {"description": "Filter by name.", "schema": NO_NUL},
    "label": {
        "description": "Filter by label, as `key=value`; all given labels must match.",
        "schema": {
            "maxItems": 16,
            "items": {"type": "string", "pattern": "^[^=\\x00]+=[^\\x00]*$"},
        },
    },
    "state": {"description": "Filter by state; repeatable."},
    "order": {"description": "Oldest first, or newest first.", "schema": {"default": "asc"}},
    "resource_id": {"description": "Filter by the id of a resource.", "schema": NO_NUL},
    "wait": {
        "description": "Maximum seconds to delay the response.",
        "schema": {"minimum": 0},
    },
    "until": {"description": "The condition that ends `wait`."},
    "dry_run": {"description": "Return what would be done, without doing it."},
    "purge": {"description": "Delete permanently, without a recovery window."},
    "instance_id": {"description": "Filter by instance."},
    "project": {
        "description": "List the keys of this project (name or id).",
        "schema": NO_NUL,
    },
    "all_projects": {"description": "List the keys of all projects."},
    "kind": {"description": "Filter by kind of operation.", "schema": NO_NUL},
    "bytes": {"description": "Number of bytes from the end."},
    "after": {
        "description": "Start after the event with this id; `now` starts with the next event.",
        "schema": {"pattern": LAST_EVENT_ID["schema"]["pattern"]},
    },
    "follow": {"description": "Keep the stream open for new events."},
    "event": {
        "description": "Filter by kind of event; repeatable.",
        "schema": {
            "maxItems": PATTERNS_MAX,
            "items": {"type": "string", "enum": list(PATTERNS)},
        },
    },
    "since": {"description": "Filter by time: this one or later."},
}
IN_PATH = "The id, or a name that is unique in the project."
TEXT = """A self-hosted compute cloud. Every resource has `id`, `metadata`, `spec` and `status`.
Requests that take time return an operation; wait for it with `GET /v1/operations/{id}?wait=30`.
"""


def native_document(app: Any) -> dict[str, Any]:
    info = {
        "title": "Atoll",
        "version": version("atoll"),
        "description": TEXT,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
    schemes = {
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    return document_of(app, info, schemes, complete)


def complete(path: str, method: str, operation: dict[str, Any]) -> None:
    name = operation["operationId"]
    parameters = [describe(parameter) for parameter in operation.get("parameters", ())]
    if method in MUTATIONS and name not in UNKEPT:
        parameters.append(IDEMPOTENCY_KEY)
    if method in {"patch", "delete"} and name not in UNVERSIONED:
        parameters.append(IF_MATCH)
    if name == "streamEvents":
        parameters.append(LAST_EVENT_ID)
    operation["parameters"] = parameters
    if name in REQUESTS:
        content = operation["requestBody"]["content"]["application/json"]
        content["examples"] = {"example": {"value": REQUESTS[name]}}


def describe(parameter: dict[str, Any]) -> dict[str, Any]:
    """Describe a parameter by its name."""
    schema = not_null(parameter["schema"])
    known: dict[str, Any] = {"description": IN_PATH}
    if parameter["in"] == "query":
        known = PARAMETERS[parameter["name"]]
    described = {
        "name": parameter["name"],
        "in": parameter["in"],
        "required": parameter["required"],
        "description": known["description"],
        "schema": schema | known.get("schema", {}),
    }
    if schema.get("type") == "array":
        described |= {"style": "form", "explode": True}
    return described
