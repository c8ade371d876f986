"""The OpenAPI document of this dialect, in YAML as Genesis Cloud serves its own."""

from typing import Any

import msgspec

from atoll.api.documents import document_of, not_null
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
WORDS = {
    "page": "Which page, from 1.",
    "per_page": "How many things a page has, 100 at most.",
    "type": "Only images of this type: cloud-image, base-os, preconfigured or snapshot.",
    "placement": "A placement option. All are the same here.",
}


def genesis_document(app: Any) -> dict[str, Any]:
    def complete(path: str, method: str, operation: dict[str, Any]) -> None:
        operation["parameters"] = [describe(one) for one in operation.get("parameters", ())]

    return document_of(app, INFO, SCHEMES, complete, PREFIX)


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
