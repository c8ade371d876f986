"""What is accepted counts: later requests queue behind it, and survive its failure."""

from typing import Any

import pytest

from atoll.domain.commands import (
    AttachDisc,
    AttachNetwork,
    AttachVolume,
    Command,
    CreateSnapshot,
    CreateVolume,
    DeleteImage,
    DeleteInstance,
    DeleteSnapshot,
    DeleteSubnet,
    DeleteVolume,
    DetachDisc,
    DetachNetwork,
    DetachVolume,
    GrowVolume,
    ReinstallInstance,
    ResizeInstance,
    RestoreInstance,
    SetQuota,
    StartInstance,
)
from atoll.domain.errors import Conflict, InUse
from atoll.domain.operations import Operation, OperationState
from atoll.domain.volumes import Volume
from atoll.messages import GuestReport
from atoll.service.backlog import QUEUE_MAX
from tests.operations.faults import Fuse, changed, fused_do, refused
from tests.operations.situations import (
    a_subnet,
    an_attached_volume,
    import_disc,
    settled,
    the_instance,
)
from tests.support.consistent import assert_consistent
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def accepted(world: World, command: Command) -> Operation:
    outcome = await world.execute(command)
    assert outcome.operation is not None
    return outcome.operation


async def ends(world: World, *operations: Operation) -> list[tuple[str, str | None]]:
    read = world.store.read().operations
    found = [await read.get(operation.id) for operation in operations]
    return [(one.state.value, one.error_code) for one in found]


async def the_volume(world: World) -> Volume:
    (volume,) = await world.store.read().volumes.named(None, "data")
    return volume


async def another_instance(world: World) -> Any:
    instance, _ = await world.accept_create(name="other")
    await settled(world)
    return instance


DONE = (OperationState.DONE.value, None)


async def test_a_volume_moves_by_two_requests_at_once(world: World) -> None:
    await an_attached_volume(world)
    other = await another_instance(world)
    out = await accepted(world, DetachVolume(volume="data"))
    into = await accepted(world, AttachVolume(volume="data", instance="other"))
    await settled(world)
    assert await ends(world, out, into) == [DONE, DONE]
    volume = await the_volume(world)
    assert (volume.instance_id, volume.holder_id, volume.leaving) == (other.id, other.id, False)
    await assert_consistent(world)


async def test_a_volume_that_could_not_be_detached_is_in_no_second_guest(world: World) -> None:
    await an_attached_volume(world)
    web = await the_instance(world)
    await another_instance(world)
    out = await accepted(world, DetachVolume(volume="data"))
    into = await accepted(world, AttachVolume(volume="data", instance="other"))
    back = await accepted(world, DetachVolume(volume="data"))
    again = await accepted(world, AttachVolume(volume="data", instance="other"))
    workflows = changed("volume.detach", 0, fused_do("before", Fuse(refused())))
    await world.run_until_idle(world.engine(workflows))
    assert (await ends(world, out))[0][0] == "failed"
    assert await ends(world, into, again) == [("failed", "CONFLICT")] * 2
    assert await ends(world, back) == [DONE]
    volume = await the_volume(world)
    assert (volume.instance_id, volume.state) == (web.id, "attached")
    await assert_consistent(world)


async def test_a_volume_follows_from_an_instance_that_is_being_deleted(world: World) -> None:
    await an_attached_volume(world)
    other = await another_instance(world)
    gone = await accepted(world, DeleteInstance(instance="web", purge=True))
    into = await accepted(world, AttachVolume(volume="data", instance="other"))
    await settled(world)
    assert await ends(world, gone, into) == [DONE, DONE]
    assert (await the_volume(world)).holder_id == other.id
    await assert_consistent(world)


async def test_a_volume_is_deleted_behind_its_detachment(world: World) -> None:
    await an_attached_volume(world)
    with pytest.raises(InUse):
        await world.execute(DeleteVolume(volume="data"))
    out = await accepted(world, DetachVolume(volume="data"))
    gone = await accepted(world, DeleteVolume(volume="data"))
    with pytest.raises(Conflict, match="being deleted"):
        await world.execute(GrowVolume(volume="data", size_gib=90))
    await settled(world)
    assert await ends(world, out, gone) == [DONE, DONE]
    assert await world.store.read().volumes.named(None, "data") == []
    await assert_consistent(world)


async def test_a_growth_behind_one_that_failed_counts_once(world: World) -> None:
    await world.created()
    await world.execute(CreateVolume(name="data", size_gib=7, instance="web"))
    await settled(world)
    first = await accepted(world, GrowVolume(volume="data", size_gib=10))
    second = await accepted(world, GrowVolume(volume="data", size_gib=12))
    workflows = changed("volume.grow", 1, fused_do("before", Fuse(refused())))
    await world.run_until_idle(world.engine(workflows))
    assert (await ends(world, first))[0][0] == "failed"
    assert await ends(world, second) == [DONE]
    assert (await the_volume(world)).size_gib == 12
    await assert_consistent(world)


async def test_two_resizes_are_made_one_after_the_other(world: World) -> None:
    await world.created()
    first = await accepted(world, ResizeInstance(instance="web", vcpus=2))
    second = await accepted(world, ResizeInstance(instance="web", vcpus=4, disk_gib=30))
    with pytest.raises(Conflict, match="already"):
        await world.execute(ResizeInstance(instance="web", vcpus=4, disk_gib=30))
    await settled(world)
    assert await ends(world, first, second) == [DONE, DONE]
    assert (await the_instance(world)).spec.vcpus == 4
    await world.reported()
    await assert_consistent(world)


async def test_a_resize_behind_one_that_failed_keeps_to_the_quota(world: World) -> None:
    await world.accept_create(vcpus=1)
    await settled(world)
    await world.execute(SetQuota(project=world.caller.project_id, limits={"vcpus": 4}))
    first = await accepted(world, ResizeInstance(instance="web", vcpus=4))
    second = await accepted(world, ResizeInstance(instance="web", vcpus=3))
    workflows = changed("instance.resize", 4, fused_do("before", Fuse(refused())))
    await world.run_until_idle(world.engine(workflows))
    assert (await ends(world, first))[0][0] == "failed"
    assert await ends(world, second) == [DONE]
    quota = await world.store.read().quotas.find(world.caller.project_id)
    assert quota is not None and quota.used.vcpus == 3
    await world.reported()
    await assert_consistent(world)


async def test_a_snapshot_stays_until_what_was_accepted_has_it(world: World) -> None:
    await world.created()
    taken = await accepted(world, CreateSnapshot(name="s", instance="web"))
    _, created = await world.accept_create(name="copy", image="s")
    restored = await accepted(world, RestoreInstance(instance="web", snapshot="s"))
    gone = await accepted(world, DeleteSnapshot(snapshot="s"))
    await settled(world)
    # The deletion cancels only the creation of its own snapshot.
    states = await ends(world, taken, created, restored, gone)
    assert states[3] == DONE
    assert states[0][0] in {"done", "cancelled"}
    assert await world.store.read().snapshots.named(None, "s") == []
    await world.reported()
    await assert_consistent(world)


async def test_a_complete_snapshot_can_be_deleted_behind_its_uses(world: World) -> None:
    await world.created()
    await world.execute(CreateSnapshot(name="s", instance="web"))
    await settled(world)
    _, created = await world.accept_create(name="copy", image="s")
    restored = await accepted(world, RestoreInstance(instance="web", snapshot="s"))
    gone = await accepted(world, DeleteSnapshot(snapshot="s"))
    await settled(world)
    assert await ends(world, created, restored, gone) == [DONE, DONE, DONE]
    await world.reported()
    await assert_consistent(world)


async def test_a_subnet_is_in_use_from_the_acceptance_of_an_attachment(world: World) -> None:
    await a_subnet(world)
    into = await accepted(world, AttachNetwork(instance="web", subnet="sub"))
    with pytest.raises(InUse):
        await world.execute(DeleteSubnet(subnet="sub"))
    out = await accepted(world, DetachNetwork(instance="web", subnet="sub"))
    await settled(world)
    assert await ends(world, into, out) == [DONE, DONE]
    await world.execute(DeleteSubnet(subnet="sub"))
    await assert_consistent(world)


async def test_a_subnet_is_free_from_the_acceptance_of_a_detachment(world: World) -> None:
    await a_subnet(world)
    await world.execute(AttachNetwork(instance="web", subnet="sub"))
    await settled(world)
    out = await accepted(world, DetachNetwork(instance="web", subnet="sub"))
    await world.execute(DeleteSubnet(subnet="sub"))
    await settled(world)
    assert await ends(world, out) == [DONE]
    assert (await the_instance(world)).attachments == ()
    await world.reported()
    await assert_consistent(world)


async def test_a_detachment_that_fails_when_the_subnet_is_gone_takes_the_interface_out(
    world: World,
) -> None:
    await a_subnet(world)
    await world.execute(AttachNetwork(instance="web", subnet="sub"))
    await settled(world)
    out = await accepted(world, DetachNetwork(instance="web", subnet="sub"))
    await world.execute(DeleteSubnet(subnet="sub"))
    workflows = changed("network.detach", 0, fused_do("before", Fuse(refused())))
    await world.run_until_idle(world.engine(workflows))
    assert (await ends(world, out))[0][0] == "failed"
    instance = await the_instance(world)
    assert (instance.attachments, instance.outdated) == ((), True)
    facts = await world.driver.inspect(instance.id)
    assert facts is not None
    await world.reconciler.take(GuestReport(host_id="host-1", guest=facts))
    await settled(world)
    await assert_consistent(world)


async def test_an_iso_is_deleted_behind_its_detachment(world: World) -> None:
    await world.created()
    await import_disc(world)
    await world.execute(AttachDisc(instance="web", image="disc"))
    with pytest.raises(InUse):
        await world.execute(DeleteImage(image="disc"))
    out = await accepted(world, DetachDisc(instance="web"))
    gone = await accepted(world, DeleteImage(image="disc"))
    await settled(world)
    assert await ends(world, out, gone) == [DONE, DONE]
    await assert_consistent(world)


async def test_an_image_that_comes_back_is_not_deleted(world: World) -> None:
    await world.created()
    await import_disc(world)
    await world.execute(AttachDisc(instance="web", image="disc"))
    await settled(world)
    out = await accepted(world, DetachDisc(instance="web"))
    await world.execute(DeleteImage(image="disc"))
    workflows = changed("instance.detach_iso", 2, fused_do("before", Fuse(refused())))
    await world.run_until_idle(world.engine(workflows))
    assert (await ends(world, out))[0][0] == "failed"
    (disc,) = await world.store.read().images.named(world.caller.project_id, "disc")
    assert (disc.id, disc.doing) == ((await the_instance(world)).iso_id, None)
    await assert_consistent(world)


async def test_a_reinstallation_queues_behind_what_goes_on(world: World) -> None:
    _, created = await world.accept_create()
    again = await accepted(world, ReinstallInstance(instance="web"))
    larger = await accepted(world, ResizeInstance(instance="web", vcpus=2))
    last = await accepted(world, ReinstallInstance(instance="web", hostname="last"))
    await settled(world)
    assert await ends(world, created, again, larger, last) == [DONE] * 4
    instance = await the_instance(world)
    assert (instance.hostname, instance.spec.vcpus, instance.leftovers) == ("last", 2, ())
    await world.reported()
    await assert_consistent(world)


async def test_what_queues_behind_a_creation_that_fails_is_refused_without_harm(
    world: World,
) -> None:
    _, created = await world.accept_create(vcpus=9)
    again = await accepted(world, ReinstallInstance(instance="web"))
    larger = await accepted(world, ResizeInstance(instance="web", vcpus=2))
    await settled(world)
    assert (await ends(world, created))[0] == ("failed", "CAPACITY_EXHAUSTED")
    assert [state for state, _ in await ends(world, again, larger)] == ["failed", "failed"]
    await world.assert_nothing_is_left()


async def test_the_queue_of_a_resource_has_an_end(world: World) -> None:
    await world.accept_create()
    for _ in range(QUEUE_MAX - 1):
        await world.execute(StartInstance(instance="web"))
    with pytest.raises(Conflict, match=f"{QUEUE_MAX} operations"):
        await world.execute(StartInstance(instance="web"))
    await settled(world)
    await world.execute(StartInstance(instance="web"))


async def test_what_is_far_back_in_a_queue_counts(sqlite_world: World) -> None:
    world = sqlite_world
    await a_subnet(world)
    for _ in range(QUEUE_MAX // 2):
        await world.execute(StartInstance(instance="web"))
    await world.execute(AttachNetwork(instance="web", subnet="sub"))
    with pytest.raises(Conflict, match="already"):
        await world.execute(AttachNetwork(instance="web", subnet="sub"))
