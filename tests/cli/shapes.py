"""What the native API's own document says of an exchange, so that no script can drift from it."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from tests.support import documents

DOCUMENT = documents.of_native()
JSON = "application/json"
KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,),
    "integer": (int,), "number": (int, float), "null": (type(None),),
}  # fmt: skip


def described(method: str, path: str) -> dict[str, Any]:
    """The operation of the document. Raises KeyError where the API has no such endpoint."""
    if not path.startswith("/v1/"):
        return {"responses": {"200": {}}}  # the document itself, and websockets
    for template, methods in DOCUMENT["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in methods:
            found: dict[str, Any] = methods[method.lower()]
            return found
    raise KeyError(f"the API has no {method} {path}")


def is_described(method: str, path: str) -> bool:
    try:
        return bool(described(method, path))
    except KeyError:
        return False


def wrong_with_answer(method: str, path: str, status: int, body: Any) -> list[str]:
    """Fields, kinds and words that the API would not answer with. An answer may be partial."""
    if status >= HTTPStatus.BAD_REQUEST:
        return list(wrong(body, {"$ref": "#/components/schemas/ErrorBody"}, "error"))
    responses = described(method, path)["responses"]
    if str(status) not in responses:
        return [f"{method} {path} never answers {status}"]
    content = responses[str(status)].get("content", {})
    return list(wrong(body, content.get(JSON, {}).get("schema", {}), f"{method} {path}"))


def wrong_with_request(method: str, path: str, query: list[str], body: Any) -> list[str]:
    """Parameters and fields that the API would refuse."""
    operation = described(method, path)
    known = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
    unknown = [f"{method} {path} has no parameter {name}" for name in query if name not in known]
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get(JSON, {}).get("schema", {})
    return unknown + ([] if body is None else list(wrong(body, schema, f"{method} {path}")))


def wrong(value: Any, schema: dict[str, Any], at: str) -> Iterator[str]:
    schema = resolved(schema)
    choices = schema.get("oneOf") or schema.get("anyOf")
    if choices:
        findings = [list(wrong(value, choice, at)) for choice in choices]
        yield from min(findings, key=len)
        return
    kinds = schema.get("type", [])
    allowed = [
        kind for name in ([kinds] if isinstance(kinds, str) else kinds) for kind in KINDS[name]
    ]
    if allowed and not isinstance(value, tuple(allowed)):
        yield f"{at} is {value!r}, and should be of the type {kinds}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{at} is {value!r}, and should be one of {schema['enum']}"
    elif isinstance(value, dict):
        yield from wrong_in_object(value, schema, at)
    elif isinstance(value, list):
        for one in value:
            yield from wrong(one, schema.get("items", {}), f"{at}[]")


def wrong_in_object(value: dict[str, Any], schema: dict[str, Any], at: str) -> Iterator[str]:
    properties = schema.get("properties")
    if properties is None:
        return
    for name, one in value.items():
        if name in properties:
            yield from wrong(one, properties[name], f"{at}.{name}")
        elif not schema.get("additionalProperties"):
            yield f"{at} has no field {name}"


def has_field(schema: dict[str, Any], path: str) -> bool:
    """Whether the path of a column, such as `status.state`, leads to something."""
    for name in filter(None, path.split(".")):
        schema = the_real_one(schema)
        if schema.get("type") == "array":
            schema = the_real_one(schema["items"])
        if name not in schema.get("properties", {}):
            return False
        schema = schema["properties"][name]
    return True


def the_real_one(schema: dict[str, Any]) -> dict[str, Any]:
    """Of a value that may be null: what it is where it is not."""
    choices = resolved(schema).get("oneOf", [resolved(schema)])
    return next(found for one in choices if (found := resolved(one)).get("type") != "null")


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema
