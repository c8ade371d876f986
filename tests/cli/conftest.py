"""Runs the command line in this process, in a home of its own, against a scripted server."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from atoll.cli.app import run
from tests.cli.cloud import Cloud


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Atoll = Callable[..., Ended]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory, and an environment that says nothing about Atoll."""
    named = ("ATOLL_URL", "ATOLL_API_KEY", "ATOLL_CONTEXT", "ATOLL_STATE")
    for name in (*named, "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="session")
def server() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as server:
        yield server


@pytest.fixture
def cloud(server: HTTPServer) -> Iterator[Cloud]:
    """What it is asked and answers must be what the real API takes and answers."""
    server.clear()
    cloud = Cloud(server)
    yield cloud
    assert cloud.strange == []


@pytest.fixture
def bare_atoll(home: Path, capsys: pytest.CaptureFixture[str]) -> Atoll:
    """The command line with no server named."""

    def call(*words: str) -> Ended:
        code = run(words)
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return call


@pytest.fixture
def atoll(bare_atoll: Atoll, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Atoll:
    """The command line, told of the scripted server by the environment."""
    monkeypatch.setenv("ATOLL_URL", cloud.url)
    monkeypatch.setenv("ATOLL_API_KEY", "ak_test_1")
    return bare_atoll


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True
