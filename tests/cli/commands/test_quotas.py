"""`atoll quota` and `atoll project`."""

from dataclasses import fields
from typing import Any

import pytest

from atoll.cli.commands.quotas import Limits
from tests.cli import shapes
from tests.cli.cloud import PROJECT_ID, Cloud, named
from tests.cli.conftest import Atoll

USED = {"instances": 2, "vcpus": 3, "memory_mb": 512, "disk_gb": 20, "floating_ips": 0}


def quota(**limits: int) -> dict[str, Any]:
    every = dict.fromkeys(USED)
    return {"project_id": PROJECT_ID, "used": USED, "limits": {**every, **limits}}


def rows(out: str) -> list[list[str]]:
    return [line.rsplit(maxsplit=2) for line in out.splitlines()]


def test_the_own_quota_is_a_table_of_what_is_used_and_what_is_allowed(
    atoll: Atoll, cloud: Cloud
) -> None:
    cloud.answers("GET", "/v1/quota", quota(instances=5))
    shown = rows(atoll("quota").out)
    assert shown[0] == ["RESOURCE", "USED", "LIMIT"]
    assert ["instances", "2", "5"] in shown
    assert ["memory mb", "512", "-"] in shown
    assert atoll("quota", "--json").json == quota(instances=5)


@pytest.mark.parametrize("reference", ["team", PROJECT_ID])
def test_the_quota_of_another_project_is_shown(reference: str, atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/projects", named(PROJECT_ID, "team"))
    cloud.answers("GET", f"/v1/projects/{PROJECT_ID}/quota", quota(vcpus=7))
    for words in (("quota", "show", reference), ("quota", reference)):
        assert ["vcpus", "3", "7"] in rows(atoll(*words).out)


def test_a_project_is_deleted_when_that_is_confirmed(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/projects", named(PROJECT_ID, "team"))
    cloud.answers("DELETE", f"/v1/projects/{PROJECT_ID}", "", status=204)
    assert atoll("project", "delete", "team").code == 2
    assert cloud.all_of("DELETE") == []
    assert atoll("project", "delete", "team", "--yes").out == "team deleted\n"


@pytest.mark.parametrize("reference", ["team", PROJECT_ID])
def test_a_projects_limits_are_set_anew(reference: str, atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/projects", named(PROJECT_ID, "team"))
    cloud.answers("PUT", f"/v1/projects/{PROJECT_ID}/quota", quota(instances=5, memory_mb=0))
    ended = atoll("quota", "set", reference, "--instances", "5", "--memory-mb", "0")
    assert ended.code == 0
    assert ["memory mb", "512", "0"] in rows(ended.out)
    assert cloud.all_of("PUT")[0].body == {"limits": {"instances": 5, "memory_mb": 0}}


def test_every_limit_of_the_api_can_be_set() -> None:
    schema = shapes.resolved({"$ref": "#/components/schemas/Limits"})
    assert {field.name for field in fields(Limits)} == set(schema["properties"])


def test_all_limits_can_be_lifted(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("PUT", f"/v1/projects/{PROJECT_ID}/quota", quota())
    assert atoll("quota", "set", PROJECT_ID, "--unlimited").code == 0
    assert cloud.asked[0].body == {"limits": {}}


@pytest.mark.parametrize("words", [(), ("--unlimited", "--instances", "5")])
def test_limits_are_never_lifted_by_an_oversight(
    words: tuple[str, ...], atoll: Atoll, cloud: Cloud
) -> None:
    ended = atoll("quota", "set", PROJECT_ID, *words)
    assert ended.code == 2
    assert "--unlimited alone" in ended.err
    assert cloud.asked == []


def test_a_project_that_is_not_there_gets_no_limits(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/projects", named(PROJECT_ID, "team"))
    ended = atoll("quota", "set", "taem", "--instances", "5")
    assert ended.code == 1
    assert "no project named 'taem'; list them with `atoll project list`" in ended.err


def test_a_quota_that_is_full_is_said_by_the_command_that_wanted_more(
    atoll: Atoll, cloud: Cloud
) -> None:
    refusal = "quota exceeded: the project may have 1 volumes, uses 1, and requests 1 more"
    body = {"error": refusal, "code": "QUOTA_EXCEEDED"}
    cloud.answers("POST", "/v1/volumes", body, status=422)
    ended = atoll("volume", "create", "data", "--size-gb", "1")
    assert (ended.code, ended.err) == (1, f"atoll: {refusal}\n")


def test_a_project_is_created_and_the_way_in_is_said(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", "/v1/projects", named(PROJECT_ID, "team"), status=201)
    ended = atoll("project", "create", "team")
    assert PROJECT_ID in ended.out
    assert "atoll apikey create KEY --project team" in ended.out
    assert cloud.asked[0].body == {"metadata": {"name": "team"}}
