"""`atoll key …`."""

from pathlib import Path

import pytest

from tests.cli.cloud import (
    KEY_ID,
    Cloud,
    named,
)
from tests.cli.conftest import Atoll

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample me@desk"


def test_a_key_is_added_under_its_comment(atoll: Atoll, cloud: Cloud, home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh/id_rsa.pub").write_text("ssh-rsa AAAAold old\n")
    (home / ".ssh/id_ed25519.pub").write_text(PUBLIC_KEY + "\n")
    cloud.answers("POST", "/v1/ssh-keys", named(KEY_ID, "me@desk"), status=201)
    ended = atoll("key", "add")
    assert ended.code == 0
    assert cloud.all_of("POST")[0].body == {
        "metadata": {"name": "me@desk"},
        "spec": {"public_key": PUBLIC_KEY},
    }


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "private key"),
        ("hello", "not a public key"),
        ("ssh-rsa A a\nssh-rsa B b\n", "not a public key"),
    ],
)
def test_only_a_public_key_leaves_the_machine(
    text: str, advice: str, atoll: Atoll, cloud: Cloud, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    ended = atoll("key", "add", str(file))
    assert ended.code == 2
    assert advice in ended.err
    assert cloud.asked == []


def test_without_a_public_key_the_user_is_told_to_make_one(atoll: Atoll) -> None:
    ended = atoll("key", "add")
    assert ended.code == 2
    assert "ssh-keygen" in ended.err
