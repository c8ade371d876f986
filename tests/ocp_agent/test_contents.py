"""Bodies are written in their media type, field by field as their encoding says."""

from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pytest_httpserver import HTTPServer

from ocp_agent import OCPTool
from ocp_agent.arguments import checked_arguments
from ocp_agent.requests import written
from tests.ocp_agent.support import TEXT, Json, Shop, body, fields, one_operation, only_tool

FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
LIST: Json = {"type": "array", "items": {}}
OBJECT: Json = {"type": "object"}
BINARY: Json = {"type": "string", "format": "binary"}
JSON_TYPE = {"contentType": "application/json"}


@pytest.fixture
def send(httpserver: HTTPServer, tmp_path: Path) -> Any:
    def sent(schema: Json, media_type: str, given: Json, encoding: Json | None = None) -> Any:
        content = {"schema": schema, "encoding": encoding or {}}
        said = one_operation("/x", requestBody={"required": True, "content": {media_type: content}})
        shop = Shop(said, httpserver, tmp_path)
        shop.answers((200, {}))
        shop.agent.call_tool("it", given)
        return shop.last

    return sent


@pytest.mark.parametrize(
    ("value", "encoding", "text"),
    [
        ({"k": "v w"}, {"style": "deepObject", "explode": True}, "f[k]=v w"),
        ({"k": {"a": [1, 2]}}, {"style": "deepObject"}, "f[k][a][]=1&f[k][a][]=2"),
        ([{"a": 1}, {"a": 2}], {"style": "deepObject"}, "f[0][a]=1&f[1][a]=2"),
        (["a", "b"], {"style": "form", "explode": False}, "f=a,b"),
        (["a", "b"], {"style": "pipeDelimited"}, "f=a|b"),
        (["a", "b"], None, "f=a&f=b"),
        (["a", "b"], JSON_TYPE, 'f=["a","b"]'),
        ({"k": "v"}, None, 'f={"k":"v"}'),
        ({"k": "v"}, {"style": "form"}, "k=v"),
        (True, None, "f=true"),
        ("a/b", {"allowReserved": True}, "f=a/b"),
    ],
)
def test_the_fields_of_a_form(value: Any, encoding: Json | None, text: str, send: Any) -> None:
    request = send(fields(f={}), FORM, {"f": value}, {"f": encoding} if encoding else None)
    assert unquote(request.data.decode()) == text
    assert request.content_type == FORM


def parts(request: Any) -> dict[str, list[Message]]:
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    found: dict[str, list[Message]] = {}
    for part in message_from_bytes(head + request.data).get_payload():
        assert isinstance(part, Message)
        name = part.get_param("name", header="content-disposition")
        found.setdefault(str(name), []).append(part)
    return found


def test_the_parts_of_a_multipart_body_have_their_types(send: Any, tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"J")
    schema = fields(
        meta=OBJECT, note=TEXT, csv=TEXT, file=BINARY, photo=BINARY, tags=LIST, whole=LIST,
        deep=OBJECT, own={"type": "string", "contentMediaType": "image/gif"},
    )  # fmt: skip
    encoding = {
        "csv": {"contentType": "text/csv"},
        "file": {
            "contentType": "image/png",
            "headers": {"X-Kind": {"schema": {"default": "cover"}}, "X-Other": {"schema": TEXT}},
        },
        "photo": {"contentType": "image/png, image/jpeg"},
        "whole": JSON_TYPE,
        "deep": {"style": "deepObject"},
    }
    given = {
        "meta": {"a": "b"}, "note": "n", "csv": "x,y", "file": b"PNG", "photo": tmp_path / "b.jpg",
        "tags": ["a", {"b": 1}], "whole": [1, 2], "deep": {"k": "v w"}, "own": b"GIF",
    }  # fmt: skip
    found = parts(send(schema, MULTIPART, given, encoding))
    types = {name: [part["Content-Type"] for part in some] for name, some in found.items()}
    assert types == {
        "meta": ["application/json"], "note": [None], "csv": ["text/csv"], "file": ["image/png"],
        "photo": ["image/jpeg"], "tags": [None, "application/json"], "whole": ["application/json"],
        "deep[k]": [None], "own": ["image/gif"],
    }  # fmt: skip
    texts = {name: some[0].get_payload(decode=True) for name, some in found.items()}
    assert (texts["meta"], texts["whole"], texts["deep[k]"]) == (b'{"a":"b"}', b"[1,2]", b"v w")
    assert found["file"][0]["X-Kind"] == "cover" and "X-Other" not in found["file"][0]


def test_several_files_are_parts_of_one_name(send: Any) -> None:
    gif = {"type": "string", "contentMediaType": "image/gif"}
    schema = fields(files={"type": "array", "items": gif})
    given = {"files": [("a.txt", b"A"), ("b.txt", b"B", "text/x-own")]}
    found = parts(send(schema, MULTIPART, given))["files"]
    assert [part.get_filename() for part in found] == ["a.txt", "b.txt"]
    assert [part["Content-Type"] for part in found] == ["image/gif", "text/x-own"]


def test_collections_in_forms_of_swagger_2(httpserver: HTTPServer, tmp_path: Path) -> None:
    for form, text in ((None, "t=a,b"), ("multi", "t=a&t=b"), ("pipes", "t=a|b")):
        array = {"type": "array", "items": TEXT, **({"collectionFormat": form} if form else {})}
        post = {"operationId": "it", "parameters": [{"name": "t", "in": "formData", **array}]}
        shop = Shop({"swagger": "2.0", "paths": {"/x": {"post": post}}}, httpserver, tmp_path)
        shop.answers((200, {}))
        shop.agent.call_tool("it", {"t": ["a", "b"]})
        assert unquote(shop.last.data.decode()) == text


@pytest.mark.parametrize(
    ("media_type", "value", "content"),
    [
        ("application/x-ndjson", [{"a": 1}, {"b": 2}], b'{"a":1}\n{"b":2}\n'),
        ("application/yaml", {"a": 1}, b'{"a":1}'),
        ("application/apply-patch+yaml", "a: 1", b"a: 1"),
        ("text/plain", "a", b"a"),
        ("text/json", {"a": 1}, b'{"a":1}'),
        ("application/xml", "<a/>", b"<a/>"),
    ],
)
def test_other_bodies(media_type: str, value: Any, content: bytes, send: Any) -> None:
    request = send({}, media_type, {"body": value})
    assert (request.data, request.content_type) == (content, media_type)


def test_the_entries_of_a_registry_carry_the_encoding() -> None:
    content = body(fields(f=LIST), FORM)
    content["content"][FORM]["encoding"] = {"f": {"style": "pipeDelimited"}}
    tool = only_tool(one_operation("/x/{+p}", requestBody=content))
    entry = OCPTool("it", "", "POST", "/x/{+p}", tool.parameters)
    request = written(entry, checked_arguments(entry, {"p": "a/b", "f": ["a", "b"]}), "http://x")
    assert (request.url, request.content) == ("http://x/x/a/b", b"f=a%7Cb")
