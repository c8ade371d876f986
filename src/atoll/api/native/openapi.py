"""The native dialect's OpenAPI document, completed with what the framework cannot know."""

from importlib.metadata import version
from typing import Any

from atoll.api.documents import document_of, not_null
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
    "purge": {"description": "At once and for good, also where it could be recovered."},
    "instance_id": {"description": "Only what this instance has, or was made of it."},
    "kind": {"description": "Only operations of this kind.", "schema": NO_NUL},
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
    """With what is known of its name."""
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
