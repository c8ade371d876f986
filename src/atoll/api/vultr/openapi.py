"""The OpenAPI document of this dialect, with Vultr's operationIds and names of parameters."""

from pathlib import Path
from typing import Any

from atoll.api.documents import document_of, explain, not_null, words_in
from atoll.api.vultr.wire import PREFIX

INFO = {
    "title": "Atoll, as Vultr's API v2",
    "version": "2.0",
    "description": "What Atoll serves of Vultr's API v2, to clients of it. Keys are Atoll's.",
}
# Routes without a key.
PUBLIC = frozenset({
    "list-os", "list-applications", "list-public-isos", "list-regions",
    "list-available-plans-region", "list-plans", "list-metal-plans",
})  # fmt: skip
SCHEMES = {"API-Key": {"type": "http", "scheme": "bearer"}}
WORDS = words_in(Path(__file__).parent / "words.toml")


def vultr_document(app: Any) -> dict[str, Any]:
    def complete(path: str, method: str, operation: dict[str, Any]) -> None:
        operation["parameters"] = [describe(one) for one in operation.get("parameters", ())]
        if operation["operationId"] in PUBLIC:
            operation["security"] = []

    document = document_of(app, INFO, SCHEMES, complete, PREFIX)
    explain(document, WORDS)
    document["paths"] = {in_path(path): item for path, item in document["paths"].items()}
    return document


def describe(parameter: dict[str, Any]) -> dict[str, Any]:
    name = parameter["name"]
    if parameter["in"] == "path":
        name = hyphened(name)
    return {
        "name": name,
        "in": parameter["in"],
        "required": parameter["required"],
        "description": WORDS.get(name, ""),
        "schema": not_null(parameter["schema"]),
    }


def in_path(path: str) -> str:
    """Write a path with Vultr's parameters: `/instances/{instance_id}`."""
    return "/".join(hyphened(part) if part.startswith("{") else part for part in path.split("/"))


def hyphened(name: str) -> str:
    return name.replace("_", "-")
