"""Security groups whose rules name other groups."""

from pathlib import Path

import pytest

from atoll.domain.commands import AddRule, CreateSecurityGroup, DeleteSecurityGroup, RemoveRule
from atoll.domain.security_groups import Protocol, Rule
from tests.support.stores import KINDS, fresh_store
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def test_rules_come_and_go_beside_one_that_names_a_group_that_is_gone(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    store = await fresh_store(KINDS[0], request, tmp_path)
    world = World(store)
    await world.open()
    await world.execute(CreateSecurityGroup(name="friends"))
    friends = Rule(protocol=Protocol.ICMP, group="friends")
    web = Rule(protocol=Protocol.TCP, port=80, port_max=80)
    await world.execute(CreateSecurityGroup(name="web", rules=(friends, web)))
    await world.execute(DeleteSecurityGroup(security_group="friends"))
    added = await world.execute(AddRule(security_group="web", rule=Rule(protocol=Protocol.UDP)))
    assert [rule.number for rule in added.thing.rules] == [1, 2, 3]
    await world.execute(RemoveRule(security_group="web", number=2))
    left = await world.execute(RemoveRule(security_group="web", number=1))
    assert [(rule.number, rule.protocol) for rule in left.thing.rules] == [(3, Protocol.UDP)]
    await world.close()
    await store.close()
