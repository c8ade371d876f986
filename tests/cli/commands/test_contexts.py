"""`atoll context …`, and what commands say of the server when there are several."""

import sys
from pathlib import Path

import pytest

from atoll.cli.contexts import Contexts
from tests.cli.cloud import VOLUME_ID, Cloud, accepted, named
from tests.cli.conftest import Atoll, Terminal


@pytest.fixture
def contexts(home: Path, cloud: Cloud) -> Contexts:
    """The scripted server as `home`, and another one, `away`, which is current."""
    contexts = Contexts.read(home / ".config/atoll/cli.json")
    contexts.keep("home", url=cloud.url, api_key="ak_live_home")
    contexts.keep("away", url="https://cloud.example.org", api_key="ak_live_away")
    return contexts


@pytest.mark.usefixtures("contexts")
def test_the_list_marks_the_current_one_and_shows_no_keys(bare_atoll: Atoll, cloud: Cloud) -> None:
    ended = bare_atoll("context", "list")
    rows = [line.split() for line in ended.out.splitlines()]
    assert rows[1][:3] == ["*", "away", "https://cloud.example.org"]
    assert rows[2][:2] == ["home", cloud.url]
    assert "ak_live" not in ended.out
    assert "ak_live" not in bare_atoll("context", "show", "--json").out


@pytest.mark.usefixtures("contexts")
def test_use_selects_the_server_of_later_commands(bare_atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/types")
    assert bare_atoll("context", "use", "home").code == 0
    assert bare_atoll("type", "list").code == 0
    assert cloud.asked[-1].headers["X-Api-Key"] == "ak_live_home"
    assert bare_atoll("context", "show", "--json").json["name"] == "home"


@pytest.mark.usefixtures("contexts")
def test_one_command_can_use_another_context(bare_atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/types")
    assert bare_atoll("type", "list", "--context", "home").code == 0
    assert len(cloud.asked) == 1


@pytest.mark.usefixtures("contexts")
def test_after_the_current_one_was_deleted_another_must_be_chosen(bare_atoll: Atoll) -> None:
    assert bare_atoll("context", "delete", "away").code == 2  # no terminal, no --yes
    assert bare_atoll("context", "delete", "away", "--yes").code == 0
    ended = bare_atoll("type", "list")
    assert ended.code == 2
    assert "choose one with `atoll context use`; there are: home" in ended.err
    assert bare_atoll("context", "delete", "away", "--yes").code == 2


@pytest.mark.usefixtures("contexts")
def test_a_deletion_says_at_which_of_several_servers(bare_atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/volumes", named(VOLUME_ID, "data"))
    ended = bare_atoll("volume", "delete", "data", "--context", "home")
    assert ended.code == 2
    assert f"At {cloud.url} (context home)." in ended.err


@pytest.mark.usefixtures("contexts")
def test_on_a_terminal_every_command_names_its_server(
    bare_atoll: Atoll, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.has("/v1/types")
    assert bare_atoll("type", "list", "--context", "home").err == ""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert bare_atoll("type", "list", "--context", "home").code == 0
    assert terminal.getvalue() == f"at {cloud.url} (context home)\n"


def test_with_one_context_nothing_is_said_of_servers(
    bare_atoll: Atoll, cloud: Cloud, home: Path
) -> None:
    Contexts.read(home / ".config/atoll/cli.json").keep("home", url=cloud.url, api_key="ak_1")
    cloud.has("/v1/volumes", named(VOLUME_ID, "data"))
    cloud.answers("DELETE", f"/v1/volumes/{VOLUME_ID}", accepted(), status=202)
    assert "context home" not in bare_atoll("volume", "delete", "data").err


def test_without_contexts_the_list_says_how_to_get_one(bare_atoll: Atoll, home: Path) -> None:
    ended = bare_atoll("context", "list")
    assert (ended.code, ended.out) == (0, "")
    assert "atoll login" in ended.err
    assert bare_atoll("context", "list", "--json").json == {"items": []}
