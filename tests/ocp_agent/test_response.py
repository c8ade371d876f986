"""Answers are read in the encoding that they are in."""

import json
from typing import Any

import pytest

from ocp_agent.response import CaseInsensitive, Response


def answer(content: bytes, content_type: str = "application/json") -> Response:
    return Response(200, CaseInsensitive({"Content-Type": content_type}), content)


TEXT = '{"a": "é"}'


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        ("utf-8", "application/json"),
        ("utf-8-sig", "application/json; charset=utf-8"),
        ("utf-8-sig", "application/json"),
        ("utf-16", "application/json"),
        ("utf-16-le", "application/json"),
        ("utf-16-le", "application/json; charset=UTF-16LE"),
        ("utf-32", "application/json"),
        ("latin-1", "application/json; Charset='ISO-8859-1'"),
        ("cp1252", 'application/json; charset="windows-1252"'),
        ("utf-8", "application/json; charset=nonsense"),
    ],
)
def test_json_is_read_in_every_encoding(encoding: str, content_type: str) -> None:
    response = answer(TEXT.encode(encoding), content_type)
    assert response.json() == response.data == {"a": "é"}


@pytest.mark.parametrize(
    ("content", "content_type", "text"),
    [
        ("é".encode("utf-8-sig"), "text/plain", "é"),
        ("é".encode("utf-16"), "text/plain; charset=utf-16", "é"),
        ("é".encode("latin-1"), "text/csv; charset=latin-1", "é"),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode("latin-1"), "text/xml",
         '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'),
        (b"\xff", "text/plain", "\ufffd"),
    ],
)  # fmt: skip
def test_text_is_read_without_its_mark(content: bytes, content_type: str, text: str) -> None:
    assert answer(content, content_type).text == text


@pytest.mark.parametrize("content", [b"<a/>", b"\xef\xbb\xbf", b"{", b"\xff\xfe{"])
def test_what_is_no_json_is_a_value_error_and_text(content: bytes) -> None:
    response: Any = answer(content)
    with pytest.raises(ValueError):
        response.json()
    assert isinstance(response.data, str)


def test_numbers_that_json_does_not_have_are_read_as_pythons_servers_write_them() -> None:
    assert json.dumps(answer(b'{"a": NaN, "b": Infinity}').json()) == '{"a": NaN, "b": Infinity}'
