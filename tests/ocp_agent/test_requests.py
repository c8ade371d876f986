"""Requests are written as their tools describe them; credentials go where the document says."""

import io
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from ocp_agent import InvalidArguments, UnsendableHeader
from tests.ocp_agent.support import TEXT, Json, Shop, body, fields, one_operation, reference, target

NUMBERS: Json = {"type": "array", "items": {"type": "integer"}}
OBJECT: Json = {"type": "object"}


def called(said: Json, given: Json, server: HTTPServer, folder: Path, **options: Any) -> Any:
    shop = Shop(said, server, folder)
    shop.answers((200, {}))
    shop.agent.call_tool("it", given, **options)
    return shop.last


@pytest.mark.parametrize(
    ("parameter", "value", "sent"),
    [
        ({"schema": NUMBERS}, [1, 2], "q=1&q=2"),
        ({"schema": NUMBERS, "explode": False}, [1, 2], "q=1,2"),
        ({"schema": NUMBERS, "style": "pipeDelimited"}, [1, 2], "q=1%7C2"),
        ({"schema": NUMBERS, "style": "spaceDelimited"}, [1, 2], "q=1%202"),
        ({"schema": OBJECT, "style": "deepObject"}, {"a": {"b": 1}}, "q%5Ba%5D%5Bb%5D=1"),
        ({"schema": OBJECT}, {"a": 1, "b": True}, "a=1&b=true"),
        ({"content": {"application/json": {"schema": OBJECT}}}, {"a": 1}, "q=%7B%22a%22%3A1%7D"),
        ({"schema": {"type": "boolean"}}, False, "q=false"),
        ({"schema": TEXT}, "a b&c=é", "q=a%20b%26c%3D%C3%A9"),
    ],
)
def test_queries_are_written_in_their_style(
    parameter: Json, value: object, sent: str, httpserver: HTTPServer, tmp_path: Path
) -> None:
    said = one_operation("/x", "get", parameters=[{"name": "q", "in": "query", **parameter}])
    assert target(called(said, {"q": value}, httpserver, tmp_path)) == f"/x?{sent}"


@pytest.mark.parametrize(
    ("style", "value", "sent"),
    [
        ({}, [3, 4], "3,4"),
        ({"style": "label", "explode": True}, [3, 4], ".3.4"),
        ({"style": "matrix"}, [3, 4], ";p=3,4"),
        ({"style": "matrix", "explode": True}, [3, 4], ";p=3;p=4"),
        ({"explode": True}, {"a": 1, "b": 2}, "a=1,b=2"),
        ({}, "a/b%?#é", "a%2Fb%25%3F%23%C3%A9"),
    ],
)
def test_paths_are_written_in_their_style(
    style: Json, value: object, sent: str, httpserver: HTTPServer, tmp_path: Path
) -> None:
    parameter = {"name": "p", "in": "path", "schema": {}, **style}
    said = one_operation("/x/{p}/y", "get", parameters=[parameter])
    assert target(called(said, {"p": value}, httpserver, tmp_path)) == f"/x/{sent}/y"


def test_headers_are_one_line_of_ascii(httpserver: HTTPServer, tmp_path: Path) -> None:
    said = one_operation(
        "/x", "get", parameters=[{"name": "X-Note", "in": "header", "schema": TEXT}]
    )
    request = called(said, {"X-Note": "é\r\nX-Evil: 1"}, httpserver, tmp_path)
    assert request.headers["X-Note"] == "%C3%A9 X-Evil: 1" and "X-Evil" not in request.headers


def test_a_form_is_sent_as_a_form(httpserver: HTTPServer, tmp_path: Path) -> None:
    form = body(fields("a", a=TEXT, b=NUMBERS), "application/x-www-form-urlencoded")
    request = called(
        one_operation("/x", requestBody=form), {"a": "1&2", "b": [1, 2]}, httpserver, tmp_path
    )
    assert request.form.to_dict(flat=False) == {"a": ["1&2"], "b": ["1", "2"]}


def test_files_are_sent_and_text_never_names_one(httpserver: HTTPServer, tmp_path: Path) -> None:
    binary = {"type": "string", "format": "binary"}
    form = body(fields("a", a=binary, b=binary, c=binary, note=TEXT), "multipart/form-data")
    (tmp_path / "secret.txt").write_text("hidden")
    opened = io.BytesIO(b"three")
    given = {
        "a": b"one",
        "b": ("two.txt", b"two"),
        "c": opened,
        "note": str(tmp_path / "secret.txt"),
    }
    request = called(one_operation("/x", requestBody=form), given, httpserver, tmp_path)
    sent = {name: file.read() for name, file in request.files.items()}
    assert sent == {"a": b"one", "b": b"two", "c": b"three"}
    assert request.form["note"] == str(tmp_path / "secret.txt")
    request.close()


def test_bytes_are_sent_as_they_are(httpserver: HTTPServer, tmp_path: Path) -> None:
    said = one_operation(
        "/x", "put", requestBody=body(TEXT, "application/octet-stream", required=True)
    )
    request = called(said, {"body": b"\x00\xff"}, httpserver, tmp_path)
    assert (request.data, request.content_type) == (b"\x00\xff", "application/octet-stream")


def test_a_body_of_a_deletion_is_sent(httpserver: HTTPServer, tmp_path: Path) -> None:
    said = one_operation("/x", "delete", requestBody=body(fields(ids=NUMBERS)))
    assert called(said, {"ids": [1]}, httpserver, tmp_path).json == {"ids": [1]}


def test_an_optional_body_is_left_out_and_an_object_of_needed_fields_is_not(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    said = one_operation("/x", requestBody=body(fields("a", a=TEXT)))
    with pytest.raises(InvalidArguments, match="a: is required"):
        called(said, {}, httpserver, tmp_path)
    said = one_operation("/x", requestBody=body(fields(a=TEXT)))
    assert called(said, {}, httpserver, tmp_path).data == b""


def test_additional_properties_are_sent_where_the_body_takes_them(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    open_object = fields(a=TEXT) | {"additionalProperties": {"type": "integer"}}
    said = one_operation("/x", requestBody=body(open_object))
    assert called(said, {"a": "1", "more": 2}, httpserver, tmp_path).json == {"a": "1", "more": 2}
    with pytest.raises(InvalidArguments, match="more: "):
        called(said, {"more": "x"}, httpserver, tmp_path)


def test_of_alternatives_one_has_to_be_met(httpserver: HTTPServer, tmp_path: Path) -> None:
    either = {"oneOf": [fields("image", image=TEXT), fields("snapshot", snapshot=TEXT)]}
    said = one_operation("/x", requestBody=body(either))
    assert called(said, {"image": "i"}, httpserver, tmp_path).json == {"image": "i"}
    with pytest.raises(InvalidArguments):
        called(said, {"image": "i", "snapshot": "s"}, httpserver, tmp_path)


def test_null_is_allowed_where_the_document_of_any_version_says_so(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    nothing = {**reference("Name"), "nullable": True}
    old = fields(a={"type": "string", "nullable": True, "enum": ["x"]}, b=TEXT, c=nothing)
    said = one_operation("/x", requestBody=body(old))
    said["components"] = {"schemas": {"Name": TEXT}}
    given = {"a": None, "c": None}
    assert called(said, given, httpserver, tmp_path).json == given
    assert called(said, {"b": None, "a": "x"}, httpserver, tmp_path).json == {"a": "x"}


def test_what_only_answers_have_is_no_argument(httpserver: HTTPServer, tmp_path: Path) -> None:
    said = one_operation(
        "/x", requestBody=body(fields("id", "a", id={**TEXT, "readOnly": True}, a=TEXT))
    )
    assert called(said, {"a": "1"}, httpserver, tmp_path).json == {"a": "1"}


def test_limits_and_patterns_of_older_documents_hold(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    size = {"type": "integer", "minimum": 0, "exclusiveMinimum": True}
    said = one_operation("/x", requestBody=body(fields(n=size, s={**TEXT, "pattern": "^[a-z"})))
    assert called(said, {"n": 1, "s": "A"}, httpserver, tmp_path).json == {"n": 1, "s": "A"}
    with pytest.raises(InvalidArguments, match="n: "):
        called(said, {"n": 0}, httpserver, tmp_path)


def test_errors_name_the_field_within_and_repeat_no_secret(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    port = fields("number", number={"type": "integer"})
    said = one_operation(
        "/x",
        requestBody=body(
            fields(ports={"type": "array", "items": port}, password={"type": "integer"})
        ),
    )
    with pytest.raises(InvalidArguments) as refused:
        called(
            said,
            {"ports": [{"number": 1}, {"number": "x"}, {}], "password": "hunter2"},
            httpserver,
            tmp_path,
        )
    assert {error.field for error in refused.value.errors} == {
        "ports[1].number", "ports[2].number", "password",
    }  # fmt: skip
    assert "hunter2" not in str(refused.value)


# -- Credentials --

SCHEMES: Json = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "query": {"type": "apiKey", "in": "query", "name": "api_key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "basic": {"type": "http", "scheme": "basic"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "oauth": {"type": "oauth2", "flows": {}},
}


@pytest.mark.parametrize(
    ("security", "auth", "where", "what"),
    [
        ([{"key": []}], "k\n", "X-API-Key", "k"),
        ([{"cookie": []}], "k", "Cookie", "sid=k"),
        ([{"basic": []}], ("ann", "pw"), "Authorization", "Basic YW5uOnB3"),
        ([{"basic": []}], "ann", "Authorization", "Basic YW5uOg=="),
        ([{"bearer": []}], "k", "Authorization", "Bearer k"),
        ([{"oauth": ["read"]}], "k", "Authorization", "Bearer k"),
        ([{}, {"bearer": []}], "k", "Authorization", "Bearer k"),
        ([{"key": [], "basic": []}, {"bearer": []}], {"bearer": "b"}, "Authorization", "Bearer b"),
        ([{"key": [], "bearer": []}], {"key": "k", "bearer": "b"}, "X-API-Key", "k"),
        (None, "k", "Authorization", "Bearer k"),
        ([{"bearer": []}], "Bearer k", "Authorization", "Bearer k"),
        (None, "bearer k", "Authorization", "bearer k"),
        ([{"oauth": []}], "Bearer k", "Authorization", "Bearer k"),
        ([{"basic": []}], "Basic YW5uOnB3", "Authorization", "Basic YW5uOnB3"),
        ([{"key": []}], "Bearer k", "X-API-Key", "Bearer k"),
        ([{"basic": []}], ("änn", "pw"), "Authorization", "Basic w6Rubjpwdw=="),
    ],
)
def test_a_credential_goes_where_the_tools_security_says(
    security: Any, auth: Any, where: str, what: str, httpserver: HTTPServer, tmp_path: Path
) -> None:
    said = one_operation("/x", "get", **({} if security is None else {"security": security}))
    said["components"] = {"securitySchemes": SCHEMES}
    assert called(said, {}, httpserver, tmp_path, auth=auth).headers[where] == what


@pytest.mark.parametrize("scheme", ["key", "bearer", "cookie"])
@pytest.mark.parametrize("auth", ["k\u2026y", "s\u00e9cret", "two\r\nX-Evil: lines", "k\0y"])
def test_a_credential_that_no_header_can_carry_is_a_clear_error(
    scheme: str, auth: str, httpserver: HTTPServer, tmp_path: Path
) -> None:
    said = one_operation("/x", "get", security=[{scheme: []}])
    said["components"] = {"securitySchemes": SCHEMES}
    with pytest.raises(UnsendableHeader, match="cannot be sent: its character") as refused:
        called(said, {}, httpserver, tmp_path, auth=auth)
    assert auth not in str(refused.value) and isinstance(refused.value, ValueError)


def test_a_key_in_the_query_is_sent_there(httpserver: HTTPServer, tmp_path: Path) -> None:
    said = one_operation("/x", "get", security=[{"query": []}])
    said["components"] = {"securitySchemes": SCHEMES}
    assert target(called(said, {}, httpserver, tmp_path, auth="k")) == "/x?api_key=k"


def test_a_tool_that_is_open_to_all_gets_no_credential(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    request = called(one_operation("/x", "get", security=[]), {}, httpserver, tmp_path, auth="k")
    assert "Authorization" not in request.headers


def test_a_call_goes_before_what_was_registered_and_that_before_the_environment(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCP_AUTH_SHOP", "environment")
    shop = Shop(one_operation("/x", "get"), httpserver, tmp_path)
    shop.answers((200, {}))
    sent = []
    for registered, of_call in ((None, None), ("registered", None), ("registered", "call")):
        shop.agent.register_api(
            "shop", str(tmp_path / "shop.json"), shop.spec.base_url, auth=registered
        )
        shop.agent.call_tool("it", auth=of_call)
        sent.append(shop.last.headers["Authorization"])
    assert sent == ["Bearer environment", "Bearer registered", "Bearer call"]


def test_headers_of_a_call_go_before_registered_ones_in_any_case(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    said = one_operation("/x", "get")
    shop = Shop(said, httpserver, tmp_path, headers={"Authorization": "Token a", "X-B": "b"})
    shop.answers((200, {}))
    shop.agent.call_tool("it", headers={"authorization": "Token c"})
    assert shop.last.headers.getlist("Authorization") == ["Token c"]
    assert shop.last.headers["X-B"] == "b"
