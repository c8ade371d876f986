"""Commands as values: what is kept and compared of them, and how risky they are."""

import pytest

from atoll.domain.actions import ACTIONS, Risk, action_of
from atoll.domain.commands import (
    AddRule,
    AttachVolume,
    CreateInstance,
    CreateSecurityGroup,
    CreateStartupScript,
    DeleteInstance,
    Made,
    RebootInstance,
    ResetInstance,
    Secret,
    StartInstance,
    UpdateInstance,
    UpdateSecurityGroup,
    canonical,
    described,
    hash_of,
)
from atoll.domain.risk import Target, risk_of
from atoll.domain.security_groups import Direction, Protocol, Rule

CREATE = CreateInstance(
    name="web", plan="small", image="mini", password=Secret("hush hush hush 16")
)
PRODUCTION = Target(labels={"env": "production"})


def digest(raw: bytes) -> str:
    return f"digest of {len(raw)} bytes"


def everybody(**changes: object) -> Rule:
    return Rule(**({"protocol": Protocol.TCP, "port": 22, "port_max": 22} | changes))  # type: ignore[arg-type]


def test_a_secret_is_neither_printed_nor_kept_nor_hashed_as_it_is() -> None:
    assert "hush" not in repr(CREATE)
    assert b"hush" not in canonical([CREATE], digest)
    assert described(CREATE, digest)["password"] == "digest of 17 bytes"


def test_a_script_is_kept_as_its_digest_and_a_long_text_too() -> None:
    script = CreateStartupScript(name="s", script="#!/bin/sh\nexport TOKEN=hush")
    assert described(script, digest) == {"name": "s", "script": "digest of 27 bytes"}
    long = UpdateInstance(instance="web", name="n" * 300)
    assert described(long, digest)["name"] == "digest of 300 bytes"


def test_the_record_of_a_command_leaves_out_what_was_not_given() -> None:
    assert described(StartInstance(instance="web"), digest) == {"instance": "web"}


def test_equal_commands_have_one_hash_whatever_version_the_caller_saw() -> None:
    first = UpdateInstance(instance="web", labels={"b": "2", "a": "1"})
    same = UpdateInstance(instance="web", labels={"a": "1", "b": "2"}, version=7)
    assert hash_of([first], digest) == hash_of([same], digest)


@pytest.mark.parametrize(
    "other",
    [
        [UpdateInstance(instance="web", name="y")],
        [UpdateInstance(instance="other", name="x")],
        [StartInstance(instance="web")],
        [UpdateInstance(instance="web", name="x"), StartInstance(instance="web")],
        [StartInstance(instance="web"), UpdateInstance(instance="web", name="x")],
        [],
    ],
)
def test_other_commands_have_another_hash(other: list[UpdateInstance]) -> None:
    one = [UpdateInstance(instance="web", name="x")]
    assert hash_of(one, digest) != hash_of(other, digest)


def test_commands_with_equal_fields_have_different_hashes() -> None:
    kinds = (StartInstance, RebootInstance, ResetInstance)
    assert len({hash_of([kind(instance="web")], digest) for kind in kinds}) == 3


def test_a_reference_to_what_an_earlier_command_makes_is_no_name() -> None:
    made = AttachVolume(volume="data", instance=Made())
    named = AttachVolume(volume="data", instance="0")
    assert hash_of([made], digest) != hash_of([named], digest)


def test_every_action_says_what_it_does_and_how_it_is_undone() -> None:
    assert [a.name for a in ACTIONS.values() if not (a.impact and a.undo)] == []
    assert {a.right for a in ACTIONS.values()} <= {"write", "operate", "administer"}


@pytest.mark.parametrize(
    ("target", "risk"),
    [
        (Target(), Risk.SAFE),
        (Target(labels={"env": "test"}), Risk.SAFE),
        (PRODUCTION, Risk.MODERATE),
        (Target(protected=True), Risk.MODERATE),
        (Target(labels={"env": "production"}, protected=True), Risk.MODERATE),
    ],
)
def test_production_and_protection_raise_a_risk_by_one_level(target: Target, risk: Risk) -> None:
    assert risk_of(StartInstance(instance="web"), target) is risk


def test_no_risk_is_higher_than_dangerous() -> None:
    assert risk_of(DeleteInstance(instance="web"), PRODUCTION) is Risk.DANGEROUS


@pytest.mark.parametrize(
    "rule",
    [
        everybody(),
        everybody(cidr="::/0"),
        everybody(port=None, port_max=None),
        everybody(port=80, port_max=443),
        everybody(protocol=Protocol.UDP, port=53, port_max=53),
    ],
)
def test_a_rule_that_lets_everybody_in_is_dangerous(rule: Rule) -> None:
    for command in (
        AddRule(security_group="g", rule=rule),
        CreateSecurityGroup(name="g", rules=(rule,)),
        UpdateSecurityGroup(security_group="g", rules=(rule,)),
    ):
        assert risk_of(command) is Risk.DANGEROUS


@pytest.mark.parametrize(
    "rule",
    [
        everybody(port=443, port_max=443),
        everybody(port=80, port_max=None),
        everybody(cidr="10.0.0.0/8"),
        everybody(direction=Direction.EGRESS),
        everybody(cidr=None, group="friends"),
    ],
)
def test_a_rule_of_the_web_or_of_a_known_range_is_not(rule: Rule) -> None:
    command = AddRule(security_group="g", rule=rule)
    assert risk_of(command) is action_of(command).risk is not Risk.DANGEROUS


def test_the_end_of_a_protection_is_dangerous_and_its_beginning_is_not() -> None:
    assert risk_of(UpdateInstance(instance="web", protected=False)) is Risk.DANGEROUS
    assert risk_of(UpdateInstance(instance="web", protected=True)) is Risk.MODERATE
