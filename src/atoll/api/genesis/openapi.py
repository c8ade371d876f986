"""The OpenAPI document of this dialect, in YAML as Genesis Cloud serves its own."""

from pathlib import Path
from typing import Any

import msgspec

from atoll.api.documents import document_of, explain, not_null, words_in
from atoll.api.genesis.wire import PREFIX

MEDIA_TYPE = "application/yaml"
INFO = {
    "title": "Atoll, as Genesis Cloud's compute API v1",
    "version": "1.0.0",
    "description": "What Atoll serves of Genesis Cloud's compute API. Keys are Atoll's.",
}
SCHEMES = {
    "AuthToken": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}
WORDS = words_in(Path(__file__).parent / "words.toml")


def genesis_document(app: Any) -> dict[str, Any]:
    def complete(path: str, method: str, operation: dict[str, Any]) -> None:
        operation["parameters"] = [describe(one) for one in operation.get("parameters", ())]

    document = document_of(app, INFO, SCHEMES, complete, PREFIX)
    explain(document, WORDS)
    return document


def describe(parameter: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": parameter["name"],
        "in": parameter["in"],
        "required": parameter["required"],
        "description": WORDS.get(parameter["name"], ""),
        "schema": not_null(parameter["schema"]),
    }


def encode(document: dict[str, Any]) -> bytes:
    return msgspec.yaml.encode(document)
