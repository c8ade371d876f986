"""`atoll admin-key`."""

import os
import sys

import pytest

from tests.cli.conftest import Atoll


def test_recovery_becomes_the_program_of_the_server(
    bare_atoll: Atoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _program, words: became.append(words))
    bare_atoll("admin-key", "--recover", "--state", "here", "--new-secret")
    program = [sys.executable, "-m", "atoll", "admin-key"]
    assert became == [[*program, "--state", "here", "--new-secret"]]


def test_nothing_is_replaced_unless_it_is_said(bare_atoll: Atoll) -> None:
    ended = bare_atoll("admin-key")
    assert ended.code == 2
    assert "add --recover" in ended.err
