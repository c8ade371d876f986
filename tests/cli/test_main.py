"""The overview, lazy loading, usage errors and completion."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from atoll.cli.app import make_app, run
from atoll.cli.command_list import COMMANDS, Command
from atoll.cli.contexts import Contexts
from atoll.cli.main import main, overview
from tests.cli.conftest import Atoll

HEAVY = ("httpx2", "rich", "cyclopts", "litestar", "sqlalchemy", "msgspec")


def modules_after(statement: str) -> set[str]:
    script = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    words = [sys.executable, "-c", script]
    return set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())


def test_the_overview_loads_no_library() -> None:
    assert modules_after("import atoll.cli.main").isdisjoint(HEAVY)


def test_the_parser_loads_neither_the_http_client_nor_the_server() -> None:
    loaded = modules_after("from atoll.cli.app import make_app; make_app()")
    assert loaded.isdisjoint({"httpx2", "litestar", "sqlalchemy", "atoll.domain"})


def test_no_command_loads_anything_of_the_server() -> None:
    targets = {command.target.partition(":")[0] for command in COMMANDS}
    loaded = modules_after("\n".join(f"import {target}" for target in targets))
    ours = {name for name in loaded if name.startswith("atoll.")}
    assert {name for name in ours if not name.startswith("atoll.cli")} == set()


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_lists_every_command(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["atoll", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().out == overview() + "\n"
    for command in COMMANDS:
        assert f"  {command.name} " in overview()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help(command: Command, bare_atoll: Atoll) -> None:
    ended = bare_atoll(command.name, "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: atoll {command.name}")


def leaves_of(app: App) -> Iterator[App]:
    """The commands below a group, and the group itself where it can be called."""
    below = [app[verb] for verb in app if not verb.startswith("-")]
    if app.default_command is not None:
        yield app
    for one in below:
        yield from leaves_of(one)


BESIDE = {"up", "login", "admin-key"}  # these ask no server


def test_every_command_that_asks_the_server_takes_json() -> None:
    app = make_app()
    asking = [name for name in app if not name.startswith("-") and name not in BESIDE]
    leaves = [leaf for name in asking for leaf in leaves_of(app[name])]
    assert len(leaves) > 80
    without = [
        leaf.name for leaf in leaves if "--json" not in str(leaf.assemble_argument_collection())
    ]
    assert without == []


def test_only_the_console_loads_the_websocket_library() -> None:
    groups = "\n".join(f"import {command.target.partition(':')[0]}" for command in COMMANDS)
    assert "websockets" not in modules_after(groups)
    assert "websockets" in modules_after("import atoll.cli.commands.instance_console")


@pytest.mark.parametrize(
    "words",
    [
        ("sing",),
        ("instance", "create"),
        ("instance", "create", "demo"),
        ("instance", "list", "--colour", "red"),
        ("instance", "create", "demo", "--type", "t", "--image", "i", "--vcpus", "many"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_so_on_stderr(
    words: tuple[str, ...], bare_atoll: Atoll
) -> None:
    ended = bare_atoll(*words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("atoll: ")
    assert "--help`" in ended.err


def test_the_version_is_printed(bare_atoll: Atoll) -> None:
    ended = bare_atoll("--version")
    assert ended.code == 0
    assert ended.out.strip()[0].isdigit()


def test_completion_can_be_installed_and_knows_the_verbs(bare_atoll: Atoll, home: Path) -> None:
    ended = bare_atoll("--install-completion", "--shell", "bash")
    assert ended.code == 0
    scripts = [file for file in home.rglob("*") if file.is_file() and "atoll" in file.name]
    text = "".join(file.read_text() for file in scripts)
    assert "instance" in text
    assert "unprotect" in text


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    def interrupted(*_words: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("atoll.cli.app.make_app", lambda: interrupted)
    assert run(["status"]) == 130


@pytest.mark.parametrize("words", [["--help"], ["instance", "--help"], ["context", "list"]])
def test_an_output_that_is_full_is_told_in_one_line(words: list[str], home: Path) -> None:
    Contexts.read(home / ".config/atoll/cli.json").keep("a", url="http://x", api_key="ak_1")
    call = [sys.executable, "-c", "from atoll.cli.main import main; main()", *words]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(call, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.stderr == "atoll: cannot write the output: No space left on device\n"
    assert ended.returncode == 1
