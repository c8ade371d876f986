"""A server that ends, by Ctrl-C or because it cannot start, says why in one line."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from atoll import __main__ as entry
from tests.support.postgres import free_port


def start(tmp_path: Path) -> subprocess.Popen[str]:
    # A shell without job control starts programs in its background with Ctrl-C ignored.
    words = [
        "env",
        "--default-signal=INT",
        sys.executable,
        "-m",
        "atoll",
        "serve",
        "--driver",
        "simulator",
    ]
    words += ["--state", str(tmp_path / "state"), "--port", str(free_port())]
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    return subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_ctrl_c_ends_a_server_with_one_line(tmp_path: Path) -> None:
    with start(tmp_path) as server:
        assert server.stdout is not None
        assert "Atoll serves at" in server.stdout.readline()
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=30)
    assert said == "atoll: stopped by Ctrl-C\n"
    assert server.returncode == 130


def test_a_server_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    secret = tmp_path / "state" / "server.secret"
    secret.parent.mkdir(mode=0o700)
    secret.touch(mode=0o600)
    with start(tmp_path) as server:
        answers, said = server.communicate(timeout=30)
    assert (answers, said) == ("", f"atoll: {secret} is damaged: copy it back from a backup\n")
    assert server.returncode == 1


def test_ctrl_c_ends_a_server_that_is_still_loading(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "resolve_name", interrupted)
    assert entry.main() == 130
    assert capsys.readouterr().err == "atoll: stopped by Ctrl-C\n"
