"""Scripts beside user data: what stands alone stays, several become one message."""

import base64
import bz2
import email
import lzma

import pytest

from atoll.domain.errors import Invalid
from atoll.domain.startup_scripts import (
    SCRIPT_BYTES_MAX,
    combine_scripts,
    require_readable,
    require_script,
)

SCRIPT = base64.b64encode(b"#!/bin/sh\necho caf\xc3\xa9\n").decode()
CONFIG = base64.b64encode(b"#cloud-config\npackages: [curl]\n").decode()


@pytest.mark.parametrize(
    ("user_data", "scripts", "whole"),
    [("", [], ""), (CONFIG, [], CONFIG), ("", [SCRIPT], SCRIPT)],
)
def test_what_stands_alone_stays_as_it_is(user_data: str, scripts: list[str], whole: str) -> None:
    assert combine_scripts(user_data, scripts) == whole


def test_both_become_parts_that_cloud_init_knows() -> None:
    message = email.message_from_bytes(base64.b64decode(combine_scripts(CONFIG, [SCRIPT])))
    parts = list(message.walk())[1:]
    assert [part.get_content_type() for part in parts] == [
        "text/cloud-config",
        "text/x-shellscript",
    ]
    assert [part.get_payload(decode=True) for part in parts] == [
        base64.b64decode(CONFIG),
        base64.b64decode(SCRIPT),
    ]


def test_the_same_data_makes_the_same_message() -> None:
    assert combine_scripts(CONFIG, [SCRIPT]) == combine_scripts(CONFIG, [SCRIPT])


@pytest.mark.parametrize("script", ["%%", base64.b64encode(b"echo").decode(), ""])
def test_what_is_no_script_is_refused(script: str) -> None:
    with pytest.raises(Invalid) as refused:
        require_script(script)
    assert refused.value.field == "script"


@pytest.mark.parametrize(
    "plain",
    [b"#!/bin/sh\necho a\n", b"#cloud-config\nruncmd: [ls]\n", b"#include\nhttp://a/b\n"],
)
def test_guests_get_neither_byte_order_mark_nor_windows_line_ends(plain: bytes) -> None:
    windows = b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n")
    given, wanted = (base64.b64encode(text).decode() for text in (windows, plain))
    assert combine_scripts(given, []) == wanted
    assert combine_scripts("", [given]) == wanted
    assert combine_scripts(given, [given]) == combine_scripts(wanted, [wanted])


@pytest.mark.parametrize(
    "data",
    [b"\x1f\x8b\r\n\0", b"MIME-Version: 1.0\r\n\r\n", b"\xef\xbb\xbfmine\r\n", b'{"a": 1}\r\n'],
)
def test_guests_get_data_of_other_kinds_as_it_is(data: bytes) -> None:
    given = base64.b64encode(data).decode()
    assert combine_scripts(given, []) == given


def test_a_script_may_begin_with_a_byte_order_mark() -> None:
    script = base64.b64encode(b"\xef\xbb\xbf#!/bin/sh\r\n").decode()
    require_script(script)
    assert combine_scripts("", [script]) == base64.b64encode(b"#!/bin/sh\n").decode()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("#!/bin/sh\n".encode("utf-16"), "UTF-16 text"),
        ("#!/bin/sh\n".encode("utf-16-le"), "UTF-16 text"),
        ("#!/bin/sh\n".encode("utf-16-be"), "UTF-16 text"),
        ("\ufeff#cloud-config\n".encode("utf-16-be"), "UTF-16 text"),
        (lzma.compress(b"#!/bin/sh\n"), "data packed by xz"),
        (bz2.compress(b"#!/bin/sh\n"), "data packed by bzip2"),
        (b"PK\3\4rest", "a zip archive"),
    ],
)
def test_what_no_guest_can_read_is_refused(data: bytes, kind: str) -> None:
    text = base64.b64encode(data).decode()
    with pytest.raises(Invalid) as refused:
        require_readable(text, "user_data", SCRIPT_BYTES_MAX)
    assert refused.value.message.startswith(f"user_data is {kind}, which guests cannot read")
    with pytest.raises(Invalid, match="cannot read"):
        require_script(text)
