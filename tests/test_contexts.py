"""A server makes itself known to the command line, without taking the place of another."""

import json
from pathlib import Path
from typing import Any

import pytest

from atoll.contexts import remember, url_here

URL = "http://127.0.0.1:8080"
OTHER = "http://127.0.0.1:8081"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config/atoll/cli.json"


def state(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    path.mkdir(exist_ok=True)
    return path


def start(file: Path, state: Path, url: str = URL) -> tuple[str, str]:
    return remember(file, url=url, api_key=f"ak_{state.name}", state=state)


def kept(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text()))


def test_the_first_server_becomes_the_current_context(file: Path, tmp_path: Path) -> None:
    home = state(tmp_path, "home")
    assert start(file, home) == ("local", "local")
    assert kept(file) == {
        "current": "local",
        "contexts": {"local": {"url": URL, "api_key": "ak_home", "state": str(home)}},
    }
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_second_server_is_added_and_does_not_take_over(file: Path, tmp_path: Path) -> None:
    start(file, state(tmp_path, "home"))
    assert start(file, state(tmp_path, "try it"), OTHER) == ("try-it", "local")
    assert kept(file)["contexts"]["local"]["api_key"] == "ak_home"
    # Nor at the address of the first one, once that has ended.
    assert start(file, state(tmp_path, "third")) == ("third", "local")
    assert start(file, state(tmp_path, "local"), OTHER)[0] != "local"


def test_a_server_that_starts_again_keeps_its_context_at_whatever_port(
    file: Path, tmp_path: Path
) -> None:
    home = state(tmp_path, "home")
    start(file, home)
    start(file, state(tmp_path, "other"), OTHER)
    assert start(file, home, "http://127.0.0.1:9000") == ("local", "local")
    assert kept(file)["contexts"]["local"]["url"] == "http://127.0.0.1:9000"
    assert len(kept(file)["contexts"]) == 2


def test_the_context_of_a_server_whose_state_was_deleted_makes_room(
    file: Path, tmp_path: Path
) -> None:
    gone = state(tmp_path, "gone")
    start(file, gone)
    gone.rmdir()
    assert start(file, state(tmp_path, "next"), OTHER) == ("local", "local")
    assert len(kept(file)["contexts"]) == 1


def test_contexts_saved_by_login_are_left_alone(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir(parents=True)
    work = {"url": "https://cloud.example.org", "api_key": "ak_home"}
    file.write_text(json.dumps({"current": "work", "contexts": {"work": work}}))
    assert start(file, state(tmp_path, "home")) == ("local", "work")
    assert kept(file)["contexts"]["work"] == work


@pytest.mark.parametrize("url", [URL, "http://0.0.0.0:18393", "http://localhost:1"])
def test_the_profile_of_an_earlier_version_becomes_the_context_of_its_server(
    url: str, file: Path, tmp_path: Path
) -> None:
    file.parent.mkdir(parents=True)
    profiles = {"default": {"url": url, "api_key": "ak_home"}}
    file.write_text(json.dumps({"current": "default", "profiles": profiles}))
    assert start(file, state(tmp_path, "home"), OTHER) == ("default", "default")
    assert kept(file)["contexts"]["default"]["url"] == OTHER
    assert "profiles" not in kept(file)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"contexts": [1]}'])
def test_a_damaged_file_does_not_keep_a_server_from_starting(
    text: str, file: Path, tmp_path: Path
) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert start(file, state(tmp_path, "home")) == ("local", "local")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("192.0.2.1", "http://192.0.2.1:80"),
    ],
)
def test_the_url_is_one_that_clients_on_this_machine_can_use(host: str, url: str) -> None:
    assert url_here(host, 80) == url
