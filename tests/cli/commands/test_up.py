"""`atoll up`."""

import os
import sys

import pytest

from tests.cli.conftest import Atoll


def test_up_becomes_the_server_with_the_options_as_given(
    bare_atoll: Atoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _program, words: became.append(words))
    bare_atoll("up", "--state", "here", "--port", "9000", "--driver", "simulator")
    options = ["--state", "here", "--port", "9000", "--driver", "simulator"]
    assert became == [[sys.executable, "-m", "atoll", "serve", *options]]


def test_up_hands_on_what_only_the_server_knows(
    bare_atoll: Atoll, monkeypatch: pytest.MonkeyPatch
) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _program, words: became.append(words))
    bare_atoll("up")
    bare_atoll("up", "--region", "home", "--allow-private-urls", "--port", "9000")
    assert [words[4:] for words in became] == [
        [],
        ["--port", "9000", "--region", "home", "--allow-private-urls"],
    ]
