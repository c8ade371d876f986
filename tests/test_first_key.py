"""Who gets to see the admin key of a new cloud: whoever sits at the terminal, and no log."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from atoll.roots.control import Control
from atoll.roots.http_server import announce
from atoll.settings import Settings
from atoll.state_dir import StateDir

KEY = "ak_of_the_first_start"


@pytest.fixture
def control(tmp_path: Path) -> Control:
    settings = Settings(
        state=tmp_path / "state", cli_config=tmp_path / "cli.json", driver="simulator",
        recipes=tmp_path / "recipes", image_cache=tmp_path / "cache",
    )  # fmt: skip
    state = StateDir(settings.state)
    state.open()
    state.make_admin_key(KEY)
    control = Control(settings, state)
    control.first_key = KEY
    return control


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path = Path(__file__).parent.parent / "scripts/demo.py"
    spec = importlib.util.spec_from_file_location("demo", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "LOG_FILE", tmp_path / "server.log")
    return module


def test_a_log_names_the_file_of_the_key_and_not_the_key(
    control: Control, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(control)
    said = capsys.readouterr().out
    assert KEY not in said
    assert f"admin key: in {control.settings.state / 'admin.key'}" in said


def test_a_second_server_says_how_to_use_it(
    control: Control, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(control)
    assert "context" not in capsys.readouterr().out
    work = {"url": "https://cloud.example.org", "api_key": "ak_1"}
    kept = {"current": "work", "contexts": {"work": work}}
    control.settings.cli_config.write_text(json.dumps(kept))
    announce(control)
    said = capsys.readouterr().out
    assert "still uses the context work" in said
    assert "atoll context use local" in said


@pytest.mark.parametrize(("host", "warns"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_who_serves_a_network_is_warned_of_plain_http(
    host: str, warns: bool, control: Control, capsys: pytest.CaptureFixture[str]
) -> None:
    control.settings = msgspec.structs.replace(control.settings, host=host)
    announce(control)
    said = capsys.readouterr()
    assert ("plain HTTP" in said.err) is warns
    assert "http://127.0.0.1:8080" in said.out


def test_a_terminal_shows_the_key_once(
    control: Control, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    announce(control)
    assert f"admin key: {KEY} (kept in" in capsys.readouterr().out


def test_the_log_of_the_demo_is_its_owners_alone(demo: ModuleType) -> None:
    demo.LOG_FILE.write_text("of an earlier demo\n")
    demo.LOG_FILE.chmod(0o644)
    with demo.open_log() as log:
        log.write(b"and more\n")
    assert demo.LOG_FILE.stat().st_mode & 0o777 == 0o600
    assert demo.LOG_FILE.read_text() == "of an earlier demo\nand more\n"
