"""Where the server and its key are found, and which key goes to whom."""

import io
import json
from pathlib import Path

import pytest

from atoll.cli.contexts import Contexts
from atoll.cli.errors import Usage
from atoll.cli.settings import Surroundings, find_server
from tests.cli.cloud import Cloud
from tests.cli.conftest import Atoll

HERE = "http://127.0.0.1:8080"
AWAY = "https://cloud.example.org"


def where(home: Path, **environment: str) -> Surroundings:
    return Surroundings(environment=environment, home=home)


def keep(home: Path, name: str, url: str, api_key: str) -> Path:
    file = where(home).contexts_file
    Contexts.read(file).keep(name, url=url, api_key=api_key)
    return file


def test_options_go_before_the_environment_and_the_environment_before_the_file(
    tmp_path: Path,
) -> None:
    keep(tmp_path, "default", HERE, "ak_file")
    both = where(tmp_path, ATOLL_URL=AWAY, ATOLL_API_KEY="ak_environment")
    assert find_server(both, url=HERE, api_key="ak_option").api_key == "ak_option"
    seen = find_server(both, url=None, api_key=None)
    assert (seen.url, seen.api_key) == (AWAY, "ak_environment")
    seen = find_server(where(tmp_path), url=None, api_key=None)
    assert (seen.url, seen.api_key) == (HERE, "ak_file")


def test_the_current_context_names_the_server(tmp_path: Path) -> None:
    keep(tmp_path, "home", HERE, "ak_home")
    keep(tmp_path, "away", AWAY, "ak_away")
    seen = find_server(where(tmp_path), url=None, api_key=None)
    assert (seen.url, seen.api_key) == (AWAY, "ak_away")


def test_a_url_picks_the_key_of_its_own_context(tmp_path: Path) -> None:
    keep(tmp_path, "home", HERE, "ak_home")
    keep(tmp_path, "away", AWAY, "ak_away")
    seen = find_server(where(tmp_path), url="http://localhost:8080/", api_key=None)
    assert seen.api_key == "ak_home"


def test_a_kept_key_is_never_sent_to_another_server(tmp_path: Path) -> None:
    keep(tmp_path, "home", HERE, "ak_home")
    (tmp_path / ".local/state/atoll").mkdir(parents=True)
    (tmp_path / ".local/state/atoll/admin.key").write_text("ak_admin\n")
    with pytest.raises(Usage, match="no API key for https://cloud"):
        find_server(where(tmp_path), url=AWAY, api_key=None)


def test_the_admin_key_of_a_local_server_is_the_last_resort(tmp_path: Path) -> None:
    (tmp_path / "atoll").mkdir()
    (tmp_path / "atoll/admin.key").write_text("ak_admin\n")
    here = where(tmp_path, XDG_STATE_HOME=str(tmp_path))
    assert find_server(here, url=None, api_key=None).api_key == "ak_admin"
    named = where(tmp_path / "elsewhere", ATOLL_STATE=str(tmp_path / "atoll"))
    assert find_server(named, url=None, api_key=None).api_key == "ak_admin"


def test_without_a_key_the_user_is_told_what_to_do(bare_atoll: Atoll) -> None:
    ended = bare_atoll("status")
    assert ended.code == 2
    assert "atoll up" in ended.err
    assert "ATOLL_API_KEY" in ended.err


def test_contexts_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    file = keep(tmp_path, "default", HERE, "ak_1")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert json.loads(file.read_text()) == {
        "current": "default",
        "contexts": {"default": {"url": HERE, "api_key": "ak_1"}},
    }
    assert [one.name for one in file.parent.iterdir()] == ["cli.json"]


def test_contexts_that_others_may_read_is_refused(tmp_path: Path) -> None:
    keep(tmp_path, "default", HERE, "ak_1").chmod(0o644)
    with pytest.raises(Usage, match="chmod 600"):
        find_server(where(tmp_path), url=None, api_key=None)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"contexts": []}', '{"profiles": {"a": {}}}'])
def test_a_damaged_file_of_contexts_is_named(tmp_path: Path, text: str) -> None:
    keep(tmp_path, "default", HERE, "ak_1").write_text(text)
    with pytest.raises(Usage, match=r"cli\.json is not a valid file of contexts"):
        find_server(where(tmp_path), url=None, api_key=None)


def test_a_url_without_a_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="is not a valid URL"):
        find_server(where(tmp_path), url="localhost:8080", api_key="ak_1")


def test_login_keeps_a_key_that_the_server_takes(
    bare_atoll: Atoll, cloud: Cloud, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.has("/v1/regions")
    cloud.has("/v1/types")
    monkeypatch.setattr("sys.stdin", io.StringIO("ak_piped\n"))
    assert bare_atoll("login", cloud.url).code == 0
    assert bare_atoll("type", "list").code == 0
    assert [asked.headers["X-Api-Key"] for asked in cloud.asked] == ["ak_piped", "ak_piped"]


def test_login_does_not_keep_a_key_that_the_server_refuses(
    bare_atoll: Atoll, cloud: Cloud, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.answers("GET", "/v1/regions", {"error": "not a key of ours"}, status=401)
    monkeypatch.setattr("sys.stdin", io.StringIO("ak_wrong\n"))
    assert bare_atoll("login", cloud.url).code == 1
    assert not (home / ".config/atoll/cli.json").exists()


def test_the_profiles_of_earlier_versions_are_contexts_now(tmp_path: Path) -> None:
    file = keep(tmp_path, "x", HERE, "ak_x")
    profiles = {"home": {"url": HERE, "api_key": "ak_home"}}
    file.write_text(json.dumps({"current": "home", "profiles": profiles}))
    assert find_server(where(tmp_path), url=None, api_key=None).api_key == "ak_home"
    keep(tmp_path, "away", AWAY, "ak_away")
    away = {"url": AWAY, "api_key": "ak_away"}
    assert json.loads(file.read_text()) == {
        "current": "away",
        "contexts": profiles | {"away": away},
    }


def test_a_context_is_chosen_by_option_before_environment_before_the_current_one(
    tmp_path: Path,
) -> None:
    for name in ("one", "two", "three"):
        keep(tmp_path, name, f"https://{name}.example.org", f"ak_{name}")
    seen = find_server(where(tmp_path), url=None, api_key=None)
    assert (seen.context, seen.api_key) == ("three", "ak_three")
    chosen = where(tmp_path, ATOLL_CONTEXT="two")
    assert find_server(chosen, url=None, api_key=None).url == "https://two.example.org"
    seen = find_server(chosen, url=None, api_key=None, context="one")
    assert (seen.url, seen.api_key) == ("https://one.example.org", "ak_one")
    seen = find_server(
        where(tmp_path, ATOLL_URL=HERE, ATOLL_API_KEY="ak_e"), url=None, api_key=None
    )
    assert (seen.url, seen.context) == (HERE, "")


def test_a_chosen_context_gets_its_own_key_and_not_that_of_the_environment(tmp_path: Path) -> None:
    keep(tmp_path, "away", AWAY, "ak_away")
    here = where(tmp_path, ATOLL_URL=HERE, ATOLL_API_KEY="ak_environment")
    assert find_server(here, url=None, api_key=None, context="away").api_key == "ak_away"


def test_an_unknown_context_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    keep(tmp_path, "away", AWAY, "ak_away")
    with pytest.raises(Usage, match="no context named 'work'; there are: away"):
        find_server(where(tmp_path), url=None, api_key=None, context="work")
    with pytest.raises(Usage, match="either --url or --context"):
        find_server(where(tmp_path), url=HERE, api_key=None, context="away")


def test_login_takes_the_name_of_a_context(
    bare_atoll: Atoll, cloud: Cloud, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.has("/v1/regions")
    for option, name in (("--context", "work"), ("--profile", "old")):
        monkeypatch.setattr("sys.stdin", io.StringIO("ak_piped\n"))
        assert bare_atoll("login", cloud.url, option, name).code == 0
        assert Contexts.read(where(home).contexts_file).current == name
    monkeypatch.setattr("sys.stdin", io.StringIO("ak_piped\n"))
    assert bare_atoll("login", cloud.url, "--context", "../x").code == 2
