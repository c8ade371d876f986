"""Scripts beside user data: what stands alone stays, several become one message."""

import base64
import email

import pytest

from atoll.domain.errors import Invalid
from atoll.domain.startup_scripts import combine_scripts, require_script

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
