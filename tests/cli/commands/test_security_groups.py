"""`atoll group …`: rules as people write them, and as the server has them."""

from typing import Any

import pytest

from tests.cli.cloud import GROUP_ID, Cloud, named
from tests.cli.conftest import Atoll

LIST = "/v1/security-groups"
PATH = f"{LIST}/{GROUP_ID}"
FRONT_ID = GROUP_ID[:-1] + "z"
EVERYWHERE = "0.0.0.0/0"


def rule(
    protocol: str,
    port: int | None = None,
    port_max: int | None = None,
    cidr: str = EVERYWHERE,
    group: str | None = None,
    direction: str = "ingress",
) -> dict[str, Any]:
    return {
        "direction": direction,
        "protocol": protocol,
        "port": port,
        "port_max": port_max or port,
        "cidr": cidr,
        "group": group,
    }


SSH = rule("tcp", 22)
RANGE = rule("tcp", 8000, 8100, group=FRONT_ID)
OUT = rule("all", direction="egress")


def has_groups(cloud: Cloud, *rules: dict[str, Any]) -> None:
    web = named(GROUP_ID, "web", rules=list(rules))
    cloud.has(LIST, web, named(FRONT_ID, "front", rules=[]))
    cloud.answers("PATCH", PATH, web)


def test_a_new_group_lets_everything_out_and_says_how_to_let_something_in(
    atoll: Atoll, cloud: Cloud
) -> None:
    cloud.answers("POST", LIST, named(GROUP_ID, "web", rules=[]), status=201)
    ended = atoll("group", "create", "web", "--label", "a=b")
    assert ended.code == 0
    assert "atoll group allow web tcp 80" in ended.out
    assert cloud.asked[0].body == {
        "metadata": {"name": "web", "labels": {"a": "b"}},
        "spec": {"rules": []},
    }


def test_a_new_group_may_let_nothing_out(atoll: Atoll, cloud: Cloud) -> None:
    cloud.answers("POST", LIST, named(GROUP_ID, "web", rules=[]), status=201)
    assert atoll("group", "create", "web", "--no-egress").code == 0
    nobody = {"direction": "egress", "protocol": "all", "cidr": "0.0.0.0/32"}
    assert cloud.asked[0].body["spec"] == {"rules": [nobody]}


@pytest.mark.parametrize(
    ("words", "added", "said"),
    [
        (("tcp", "80"), rule("tcp", 80), "in tcp 80 from 0.0.0.0/0"),
        (
            ("tcp", "8000-8100", "--from", "10.0.0.0/8"),
            rule("tcp", 8000, 8100, "10.0.0.0/8"),
            "in tcp 8000-8100 from 10.0.0.0/8",
        ),
        (("udp", "53", "--from", "10.0.0.7"), rule("udp", 53, None, "10.0.0.7/32"), "10.0.0.7/32"),
        (("tcp", "--from-group", "front"), rule("tcp", group=FRONT_ID), "in tcp from group front"),
        (("icmp",), rule("icmp"), "in icmp from 0.0.0.0/0"),
        (("all", "--egress"), rule("all", direction="egress"), "out all to 0.0.0.0/0"),
        (
            ("tcp", "443", "--to", "192.0.2.0/24"),
            rule("tcp", 443, None, "192.0.2.0/24", direction="egress"),
            "out tcp 443 to 192.0.2.0/24",
        ),
        (
            ("tcp", "5432", "--egress", "--to-group", FRONT_ID),
            rule("tcp", 5432, group=FRONT_ID, direction="egress"),
            "out tcp 5432 to group front",
        ),
    ],
)
def test_a_rule_is_added_to_those_that_there_are(
    words: tuple[str, ...], added: dict[str, Any], said: str, atoll: Atoll, cloud: Cloud
) -> None:
    has_groups(cloud, SSH)
    ended = atoll("group", "allow", "web", *words)
    assert ended.code == 0, ended.err
    assert ended.out.startswith("web allows ")
    assert said in ended.out
    (patch,) = cloud.all_of("PATCH")
    assert patch.body == {"spec": {"rules": [SSH, added]}}
    assert patch.headers["If-Match"] == '"1"'


def test_a_rule_that_is_there_already_is_not_added_again(atoll: Atoll, cloud: Cloud) -> None:
    has_groups(cloud, SSH)
    assert atoll("group", "allow", "web", "tcp", "22").code == 0
    assert not cloud.all_of("PATCH")


def test_rules_that_somebody_else_added_meanwhile_are_kept(atoll: Atoll, cloud: Cloud) -> None:
    has_groups(cloud)
    cloud.answers("GET", PATH, named(GROUP_ID, "web", rules=[SSH]))
    cloud.forgets("PATCH", PATH)
    moved = {"error": "it moved", "code": "VERSION_MISMATCH"}
    cloud.answers("PATCH", PATH, moved, status=412)
    cloud.answers("PATCH", PATH, named(GROUP_ID, "web"))
    assert atoll("group", "allow", GROUP_ID, "tcp", "80").code == 0
    assert [patch.body["spec"]["rules"] for patch in cloud.all_of("PATCH")] == [
        [rule("tcp", 80)],
        [SSH, rule("tcp", 80)],
    ]


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        (("tcp", "22"), [RANGE, OUT]),
        (("tcp", "8000-8100", "--from-group", "front"), [SSH, OUT]),
        (("tcp", "8000-8100", "--from-group", FRONT_ID), [SSH, OUT]),
        (("all", "--egress"), [SSH, RANGE]),
    ],
)
def test_a_rule_is_taken_away_as_it_was_allowed(
    words: tuple[str, ...], rest: list[Any], atoll: Atoll, cloud: Cloud
) -> None:
    has_groups(cloud, SSH, RANGE, OUT)
    ended = atoll("group", "deny", "web", *words)
    assert ended.code == 0
    assert ended.out.startswith("web no longer allows ")
    assert cloud.all_of("PATCH")[0].body == {"spec": {"rules": rest}}


def test_a_single_port_is_the_same_with_and_without_its_end(atoll: Atoll, cloud: Cloud) -> None:
    has_groups(cloud, {**SSH, "port_max": None}, OUT)
    assert atoll("group", "deny", "web", "tcp", "22").code == 0
    assert cloud.all_of("PATCH")[0].body == {"spec": {"rules": [OUT]}}


def test_of_a_group_without_rules_nothing_can_be_taken_away(atoll: Atoll, cloud: Cloud) -> None:
    has_groups(cloud)
    ended = atoll("group", "deny", "web", "tcp", "22")
    assert ended.code == 2
    assert "no rule `in tcp 22 from 0.0.0.0/0`: it has no rules" in ended.err


def test_a_rule_that_is_not_there_cannot_be_taken_away_and_the_others_are_listed(
    atoll: Atoll, cloud: Cloud
) -> None:
    has_groups(cloud, SSH, RANGE, OUT)
    ended = atoll("group", "deny", "web", "tcp", "8000")
    assert (ended.code, ended.out) == (2, "")
    assert "no rule `in tcp 8000 from 0.0.0.0/0`" in ended.err
    assert "in tcp 22 from 0.0.0.0/0; in tcp 8000-8100 from group front; out all" in ended.err
    assert not cloud.all_of("PATCH")


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("tcp", "http"), "use a number such as 80"),
        (("tcp", "-80"), "80"),
        (("tcp", "80-"), "use a number such as 80"),
        (("tcp", "8100-8000"), "the lower port first"),
        (("tcp", "0"), "use 1 to 65535"),
        (("tcp", "65536"), "use 1 to 65535"),
        (("icmp", "8"), "icmp has no ports"),
        (("tcp", "80", "--from", "10.0.0.1/8"), "host bits"),
        (("tcp", "80", "--from", "home"), "10.0.0.0/8"),
        (("tcp", "80", "--from", "10.0.0.0/8", "--from-group", "front"), "one peer"),
        (("tcp", "80", "--egress", "--from", "10.0.0.0/8"), "--to"),
        (("ssh",), "tcp"),
    ],
)
def test_a_rule_that_makes_no_sense_is_a_usage_error(
    words: tuple[str, ...], advice: str, atoll: Atoll, cloud: Cloud
) -> None:
    has_groups(cloud)
    ended = atoll("group", "allow", "web", *words)
    assert (ended.code, ended.out) == (2, "")
    assert advice in ended.err
    assert cloud.asked == []


def test_a_rule_for_a_group_that_is_not_there_is_refused(atoll: Atoll, cloud: Cloud) -> None:
    has_groups(cloud)
    ended = atoll("group", "allow", "web", "tcp", "80", "--from-group", "back")
    assert ended.code == 1
    assert "no security group named 'back'; list them with `atoll group list`" in ended.err
    assert not cloud.all_of("PATCH")


def test_groups_are_listed_and_shown_with_their_rules_in_words(atoll: Atoll, cloud: Cloud) -> None:
    has_groups(cloud, SSH, RANGE, OUT)
    out = atoll("group", "list").out
    assert "in tcp 22 from 0.0.0.0/0, in tcp 8000-8100 from group front, out all to" in out
    lines = [line.split() for line in atoll("group", "show", "web").out.splitlines()]
    assert ["ingress", "tcp", "8000-8100", "group", "front"] in lines
    assert ["egress", "all", "-", "0.0.0.0/0"] in lines
    assert atoll("group", "show", "web", "--json").json["spec"]["rules"] == [SSH, RANGE, OUT]
    assert atoll("group", "list", "--json").json["items"][1]["id"] == FRONT_ID


def test_a_group_that_is_in_use_is_not_deleted(atoll: Atoll, cloud: Cloud) -> None:
    has_groups(cloud)
    refusal = {"error": "security group web is in use by instance demo", "code": "IN_USE"}
    cloud.answers("DELETE", PATH, refusal, status=409)
    ended = atoll("group", "delete", "web", "--yes")
    assert ended.code == 1
    assert "in use by instance demo" in ended.err
