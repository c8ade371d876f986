"""What is looked at before a body is: the role; and the search for U+0000."""

import json
import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.api.serving import has_nul
from tests.api.client import Api
from tests.api.conftest import KeyFor

LETTERS = st.text(st.sampled_from('\0\\u0"a\U0001f3dd'), max_size=30)


@given(LETTERS)
def test_a_nul_is_found_exactly_where_a_text_has_one(text: str) -> None:
    assert has_nul(json.dumps({"a": text}).encode()) == ("\0" in text)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (rb'"\u0000"', True),
        (rb'"\\u0000"', False),
        (rb'"\\\u0000"', True),
        (rb'"\\u0000\u0000"', True),
        (rb'"u0000"', False),
        (b"\\" * 1001 + b"u0000", True),
    ],
)
def test_an_escaped_backslash_escapes_nothing(body: bytes, found: bool) -> None:
    assert has_nul(body) is found


def test_a_caller_without_the_right_is_refused_before_the_body_is_read(
    api: Api, key_for: KeyFor
) -> None:
    viewer = key_for("viewer", api.project)
    head = f"POST /v1/apis HTTP/1.1\r\nhost: x\r\nx-api-key: {viewer.key}\r\n"
    head += "content-type: application/json\r\ncontent-length: 1048576\r\n\r\n{"
    address = urlsplit(api.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(head.encode())
        assert connection.recv(1024).startswith(b"HTTP/1.1 403")
