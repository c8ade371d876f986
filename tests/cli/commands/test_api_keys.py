"""`atoll apikey …`."""

from typing import Any

import pytest

from tests.cli.cloud import API_KEY_ID, PROJECT_ID, Cloud, named
from tests.cli.conftest import Atoll


def test_a_new_api_key_is_alone_on_stdout(atoll: Atoll, cloud: Cloud) -> None:
    made = {**named(API_KEY_ID, "ci", role="member"), "status": {"key": "ak_live_secret"}}
    cloud.answers("POST", "/v1/api-keys", made, status=201)
    limits = ("--limit-class", "standard", "--project", "team")
    ended = atoll("apikey", "create", "ci", "--role", "viewer", *limits)
    assert ended.out == "ak_live_secret\n"
    assert "shown only once" in ended.err
    assert cloud.all_of("POST")[0].body == {
        "metadata": {"name": "ci"},
        "spec": {"role": "viewer", "limit_class": "standard", "project": "team"},
    }


def key_of(project: str = PROJECT_ID, key_id: str = API_KEY_ID) -> dict[str, Any]:
    return named(key_id, "laptop", role="member", project_id=project)


def in_project(cloud: Cloud, *keys: dict[str, Any]) -> None:
    cloud.has("/v1/api-keys", *keys)
    cloud.has("/v1/projects", named(PROJECT_ID, "alice"))
    cloud.answers("DELETE", f"/v1/api-keys/{API_KEY_ID}", "", status=204)


@pytest.mark.parametrize("reference", ["laptop", API_KEY_ID])
def test_a_key_of_any_project_is_deleted_by_name_or_id(
    reference: str, atoll: Atoll, cloud: Cloud
) -> None:
    in_project(cloud, key_of())
    asked = atoll("apikey", "delete", reference)
    assert f"API key laptop ({API_KEY_ID}) of the project alice?" in asked.err
    ended = atoll("apikey", "delete", reference, "--yes")
    assert ended.out == "laptop of the project alice deleted\n"
    assert len(cloud.all_of("DELETE")) == 1


def test_a_name_is_looked_for_in_ones_own_project_first_and_then_in_all(
    atoll: Atoll, cloud: Cloud
) -> None:
    nothing, found = {"items": [], "next": None}, {"items": [key_of()], "next": None}
    cloud.answers("GET", "/v1/api-keys", nothing, found)
    cloud.answers("GET", f"/v1/api-keys/{API_KEY_ID}", key_of())
    assert atoll("apikey", "show", "laptop").code == 0
    assert ["all_projects" in asked.query for asked in cloud.asked[:2]] == [False, True]


def test_a_name_of_several_keys_is_refused_with_their_projects(atoll: Atoll, cloud: Cloud) -> None:
    in_project(cloud, key_of(), key_of("proj-other", API_KEY_ID[:-1] + "g"))
    ended = atoll("apikey", "delete", "laptop", "--yes")
    assert ended.code == 1
    assert f"{API_KEY_ID} (alice)" in ended.err
    assert cloud.all_of("DELETE") == []


def test_a_key_that_nobody_has_is_refused(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/api-keys")
    ended = atoll("apikey", "delete", "absent", "--yes")
    assert ended.code == 1
    assert "`atoll apikey list --all`" in ended.err


@pytest.mark.parametrize(
    ("words", "query"),
    [
        ((), {}),
        (("--project", "alice"), {"project": ["alice"]}),
        (("--all",), {"all_projects": ["true"]}),
    ],
)
def test_keys_are_listed_with_the_names_of_their_projects(
    words: tuple[str, ...], query: dict[str, list[str]], atoll: Atoll, cloud: Cloud
) -> None:
    in_project(cloud, key_of())
    ended = atoll("apikey", "list", *words)
    assert ended.out.splitlines()[1].split()[:3] == ["laptop", "alice", "member"]
    assert query.items() <= cloud.asked[0].query.items()
    assert atoll("apikey", "list", "--all", "--project", "alice").code == 2
