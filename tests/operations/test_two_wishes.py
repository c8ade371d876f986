"""Wishes that meet: what one asks for neither undoes nor doubles what another was given."""

import pytest

from atoll.domain.commands import (
    AttachFloatingIp,
    AttachNetwork,
    AttachVolume,
    CreateFloatingIp,
    CreateVolume,
    DeleteInstance,
    DetachVolume,
    RecoverInstance,
    ReinstallInstance,
    ResizeInstance,
    SetQuota,
    UpdateInstance,
)
from atoll.domain.errors import Conflict
from atoll.domain.instances import Goal, InstanceState
from atoll.domain.operations import OperationState
from atoll.domain.quotas import Amounts
from tests.operations.faults import Fuse, changed, fused_do, refused
from tests.operations.situations import (
    a_subnet,
    an_attached_volume,
    settled,
    the_instance,
)
from tests.support.consistent import assert_consistent
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def test_what_a_retired_instance_lets_go_costs_it_nothing_else(world: World) -> None:
    await an_attached_volume(world)
    before = await the_instance(world)
    await world.retire("web")
    await settled(world)
    await world.execute(DetachVolume(volume="data"))
    await settled(world)
    await world.reported()
    await assert_consistent(world)
    await world.execute(RecoverInstance(instance=before.id))
    await settled(world)
    after = await world.store.read().instances.get(before.id)
    assert (after.host_id, after.private_ip) == (before.host_id, before.private_ip)


async def test_a_subnet_is_joined_once_however_often_it_is_asked_for(world: World) -> None:
    await a_subnet(world)
    await world.execute(AttachNetwork(instance="web", subnet="sub"))
    with pytest.raises(Conflict, match="already"):
        await world.execute(AttachNetwork(instance="web", subnet="sub"))
    await settled(world)
    await assert_consistent(world)


async def test_a_shrink_that_fails_leaves_the_quota_whole(world: World) -> None:
    await world.accept_create(vcpus=4)
    await settled(world)
    await world.execute(SetQuota(project=world.caller.project_id, limits={"vcpus": 5}))
    await world.execute(ResizeInstance(instance="web", vcpus=1))
    await world.accept_create(name="other", vcpus=1)
    workflows = changed("instance.resize", 5, fused_do("before", Fuse(refused())))
    await world.run_until_idle(world.engine(workflows))
    await world.reported()
    quota = await world.store.read().quotas.find(world.caller.project_id)
    assert quota is not None and quota.used.vcpus == 5
    await assert_consistent(world)


async def test_what_is_changed_during_a_reinstallation_stays_changed(world: World) -> None:
    await world.created()
    await world.execute(ReinstallInstance(instance="web", image="mini"))
    await world.execute(UpdateInstance(instance="web", name="renamed", user_data="aGk="))
    await settled(world)
    after = await the_instance(world)
    assert (after.name, after.spec.user_data) == ("renamed", "aGk=")


async def test_a_creation_that_fails_lets_its_floating_ip_go(world: World) -> None:
    _, operation = await world.accept_create(vcpus=9)
    await world.execute(CreateFloatingIp(name="ip"))
    await world.execute(AttachFloatingIp(floating_ip="ip", instance="web"))
    await settled(world)
    ended = await world.store.read().operations.get(operation.id)
    assert ended.state is OperationState.FAILED
    address = await world.store.read().floating_ips.named(None, "ip")
    assert address[0].instance_id is None


async def test_a_volume_that_no_host_has_room_for_is_refused_in_words(world: World) -> None:
    await world.created()
    await world.execute(CreateVolume(name="big", size_gib=600))
    attached = await world.execute(AttachVolume(volume="big", instance="web"))
    assert attached.operation is not None
    await settled(world)
    ended = await world.store.read().operations.get(attached.operation.id)
    assert ended.error_code == "CAPACITY_EXHAUSTED"
    assert "GiB of disk free, but 600 more are needed" in (ended.error_message or "")
    await assert_consistent(world)


async def test_a_purge_that_overtakes_a_retirement_leaves_nothing(world: World) -> None:
    await world.created()
    await world.retire("web")
    purged = await world.execute(DeleteInstance(instance="web", purge=True))
    await settled(world)
    gone = await world.store.read().instances.get(purged.thing.id)
    assert (gone.state, gone.goal) == (InstanceState.DELETED, Goal.DELETED)
    await world.assert_nothing_is_left()


async def test_a_disabled_host_gives_room_back(world: World) -> None:
    await world.created()
    accepted = await world.execute(ResizeInstance(instance="web", vcpus=2))
    host = await world.store.read().hosts.get("host-1")
    async with world.store.transaction() as tx:
        tx.hosts.change(host, enabled=False)
    workflows = changed("instance.resize", 5, fused_do("before", Fuse(refused())))
    await world.run_until_idle(world.engine(workflows))
    await world.reported()
    assert accepted.operation is not None
    ended = await world.store.read().operations.get(accepted.operation.id)
    assert ended.error_message == "the test says no"
    await assert_consistent(world)
    quota = await world.store.read().quotas.find(world.caller.project_id)
    assert quota is not None
    assert quota.used == Amounts(instances=1, vcpus=1, memory_mib=512, disk_gib=5)
