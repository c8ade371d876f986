"""What a running guest is told when its groups, keys and addresses change."""

import pytest

from atoll.domain.commands import (
    CreateSecurityGroup,
    DeleteInstance,
    ResizeInstance,
    UpdateInstance,
    UpdateSecurityGroup,
)
from atoll.domain.errors import Invalid, Protected
from atoll.domain.instances import Instance
from atoll.domain.security_groups import ALL_MAY_GO_OUT, Direction, Protocol, Rule
from atoll.messages import GuestReport
from tests.operations.faults import changed, never_do
from tests.support.world import World

pytestmark = pytest.mark.anyio
WEB = Rule(protocol=Protocol.TCP, port=80, port_max=80)
DNS_OUT = Rule(direction=Direction.EGRESS, protocol=Protocol.UDP, port=53, port_max=53)


async def in_a_group(world: World, *rules: Rule) -> Instance:
    await world.execute(CreateSecurityGroup(name="web", rules=rules))
    instance, _ = await world.accept_create(security_groups=("web",))
    await settled(world)
    return instance


async def settled(world: World) -> None:
    await world.run_until_idle(world.engine())
    await world.reported()


def told(world: World, instance: Instance) -> tuple[Rule, ...]:
    return world.driver.spec_of(instance.id).nic.rules


async def test_where_no_group_says_what_may_go_out_everything_may(world: World) -> None:
    instance = await in_a_group(world, WEB)
    assert told(world, instance) == (WEB, ALL_MAY_GO_OUT)


async def test_where_one_does_only_that_may(world: World) -> None:
    instance = await in_a_group(world, WEB, DNS_OUT)
    assert told(world, instance) == (WEB, DNS_OUT)


async def test_a_changed_rule_reaches_the_guests_that_run(world: World) -> None:
    instance = await in_a_group(world)
    await world.execute(UpdateSecurityGroup(security_group="web", rules=(WEB,)))
    await settled(world)
    assert told(world, instance) == (WEB, ALL_MAY_GO_OUT)


async def test_a_guest_whose_host_was_away_is_told_when_it_is_reported(world: World) -> None:
    instance = await in_a_group(world)
    kind = "instance.configure"
    workflows = changed(kind, 0, never_do(world, kind, RuntimeError("nobody answers")))
    await world.execute(UpdateInstance(instance="web", security_groups=()))
    await world.run_until_idle(world.engine(workflows))
    found = await world.store.read().instances.get(instance.id)
    assert found.outdated
    facts = await world.driver.inspect(instance.id)
    assert facts is not None
    await world.reconciler.take(GuestReport(host_id="host-1", guest=facts))
    await settled(world)
    found = await world.store.read().instances.get(instance.id)
    assert (found.outdated, told(world, instance)) == (False, (ALL_MAY_GO_OUT,))


async def test_an_instance_may_be_in_no_group_at_all_from_the_start(world: World) -> None:
    instance, _ = await world.accept_create(security_groups=())
    await settled(world)
    assert instance.resolved.security_group_ids == ()
    assert told(world, instance) == (ALL_MAY_GO_OUT,)
    await world.execute(UpdateInstance(instance="web", security_groups=("default", "standard")))
    await settled(world)
    assert len({rule.port for rule in told(world, instance)} & {22, 80, 443}) == 3
    await world.execute(UpdateInstance(instance="web", security_groups=()))
    await settled(world)
    assert told(world, instance) == (ALL_MAY_GO_OUT,)


async def test_a_larger_disk_than_the_types_is_given_at_once_and_grows_while_the_guest_runs(
    world: World,
) -> None:
    instance, _ = await world.accept_create(disk_gib=7)
    await settled(world)
    root = instance.resolved.root_volume_id
    assert world.driver.size_gib_of(root) == 7
    await world.execute(ResizeInstance(instance="web", disk_gib=9))
    await settled(world)
    now = await world.store.read().instances.get(instance.id)
    assert (world.driver.size_gib_of(root), now.spec.disk_gib, now.boots) == (9, 9, 1)
    with pytest.raises(Invalid, match="a disk cannot shrink"):
        await world.execute(ResizeInstance(instance="web", disk_gib=8))


async def test_protection_is_given_at_creation_and_taken_by_a_change(world: World) -> None:
    await world.accept_create(protected=True)
    await settled(world)
    with pytest.raises(Protected):
        await world.execute(DeleteInstance(instance="web"))
    await world.execute(UpdateInstance(instance="web", protected=False))
    await world.execute(DeleteInstance(instance="web"))
    await settled(world)
    await world.assert_nothing_is_left()
