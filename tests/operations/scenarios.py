"""One scenario an operation: what comes before it, how it is asked for, what it leads to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from atoll.domain.commands import (
    AttachDisc,
    AttachNetwork,
    AttachVolume,
    CloneSnapshot,
    Command,
    CreateFloatingIp,
    CreateSnapshot,
    DeleteImage,
    DeleteInstance,
    DeleteSnapshot,
    DeleteVolume,
    DetachDisc,
    DetachNetwork,
    DetachVolume,
    GrowVolume,
    RebootInstance,
    ReinstallInstance,
    RemoveHost,
    ResetInstance,
    ResizeInstance,
    RestoreInstance,
    StartInstance,
    StopInstance,
)
from atoll.domain.operations import Operation
from atoll.ports import Filter
from tests.operations.situations import (
    ALL,
    IMPORT,
    IMPORT_IMAGE,
    a_disc,
    a_disc_beside_a_stopped_instance,
    a_disc_in_the_drive,
    a_lost_host,
    a_place_in_a_subnet,
    a_snapshot,
    a_snapshot_and_another_region,
    a_snapshot_far_away,
    a_stopped_instance,
    a_subnet,
    a_used_volume,
    a_volume,
    a_volume_on_another_host,
    an_attached_volume,
    an_image,
    an_imported_snapshot,
    an_instance,
    an_instance_beside_a_snapshot_of_another_host,
    an_instance_with_a_card,
    everything,
    nothing,
    the_instance,
)
from tests.support.world import CARD, OTHER_CARD, World

Prepare = Callable[[World], Awaitable[None]]
Accept = Callable[[World], Awaitable[Operation]]
Check = Callable[[World], Awaitable[bool]]


@dataclass(frozen=True)
class Scenario:
    """`came_true` is asked after the end: yes where it was done, no where it was taken back.
    What cannot be `undone` may stand half way after a failure, and is asked for again."""

    kind: str
    prepare: Prepare
    accept: Accept
    came_true: Check
    undone: bool = True


def asking(command: Command) -> Accept:
    async def accept(world: World) -> Operation:
        return (await world.execute(command)).operation

    return accept


async def an_instance_runs(world: World) -> bool:
    return [i.state for i in await world.store.read().instances.page(ALL)] == ["running"]


async def the_instance_is_stopped(world: World) -> bool:
    return (await the_instance(world)).state == "stopped"


async def it_has_booted_again(world: World) -> bool:
    """More than once again where it was asked for again."""
    instance = await the_instance(world)
    assert instance.state == "running"
    return instance.boots > 1


async def volume_is_attached(world: World) -> bool:
    return (await the_instance(world)).volumes != ()


async def volume_is_detached(world: World) -> bool:
    return not await volume_is_attached(world)


async def volume_has_nine_gib(world: World) -> bool:
    (volume,) = await world.store.read().volumes.page(ALL)
    return volume.size_gib == 9


async def there_is_no_volume(world: World) -> bool:
    return await world.store.read().volumes.page(ALL) == []


async def snapshot_is_complete(world: World) -> bool:
    (snapshot,) = await world.store.read().snapshots.page(ALL)
    if snapshot.state == "complete":
        assert snapshot.size_bytes
        return True
    assert (snapshot.state, snapshot.host_id) == ("error", None)
    return False


async def clone_is_complete(world: World) -> bool:
    source, clone = sorted(await world.store.read().snapshots.page(ALL), key=lambda s: s.id)
    assert (source.state, source.host_id, source.copies) == ("complete", "host-1", ())
    assert (clone.region, clone.disk_gib, clone.image_id) == ("far", 5, source.image_id)
    if clone.state == "complete":
        assert clone.size_bytes
        assert await world.drivers["host-2"].snapshots() == [clone.id]
        return True
    assert (clone.state, clone.host_id, clone.size_bytes) == ("error", None, None)
    return False


async def import_is_complete(world: World) -> bool:
    (snapshot,) = await world.store.read().snapshots.page(ALL)
    image = await world.store.read().images.get(snapshot.image_id)
    if snapshot.state == "complete":
        assert (snapshot.size_bytes is not None, image.state) == (True, "available")
        assert await world.driver.snapshots() == [snapshot.id]
        return True
    assert (snapshot.state, snapshot.host_id, snapshot.size_bytes) == ("error", None, None)
    assert (image.state, image.checksum) == ("pending", None)
    return False


async def root_is_from_the_far_snapshot(world: World) -> bool:
    made = await world.store.read().instances.page(ALL)
    if made == []:
        return False
    root = made[0].resolved.root_volume_id
    return world.drivers["host-2"].volume_of(root).snapshot_id is not None


async def volume_has_moved(world: World) -> bool:
    if not await volume_is_attached(world):
        return False
    (volume,) = await world.store.read().volumes.page(ALL)
    assert volume.host_id == (await the_instance(world)).host_id == "host-2"
    return True


async def there_is_no_snapshot(world: World) -> bool:
    return await world.store.read().snapshots.page(ALL) == []


async def there_is_no_snapshot_nor_its_image(world: World) -> bool:
    return await there_is_no_snapshot(world) and await there_is_no_image(world)


async def root_is_from_snapshot(world: World) -> bool:
    instance = await the_instance(world)
    assert (instance.spec.image, instance.resolved.snapshot_id) == ("mini", None)
    return world.driver.volume_of(instance.resolved.root_volume_id).snapshot_id is not None


async def is_called_again(world: World) -> bool:
    return (await the_instance(world)).hostname == "again"


async def has_two_vcpus(world: World) -> bool:
    instance = await the_instance(world)
    assert (instance.spec.vcpus == 2) == (instance.spec.disk_gib == 9)
    return instance.spec.vcpus == 2


def has(kind: str, count: int) -> Check:
    async def check(world: World) -> bool:
        made = await world.store.read().instances.page(ALL)
        return [[d.kind for d in i.devices] for i in made] == [[kind] * count]

    return check


async def is_in_the_subnet(world: World) -> bool:
    return (await the_instance(world)).attachments != ()


async def is_not_in_the_subnet(world: World) -> bool:
    return not await is_in_the_subnet(world)


async def there_is_no_instance(world: World) -> bool:
    return await world.store.read().instances.page(ALL) == []


async def there_is_no_host(world: World) -> bool:
    read = world.store.read()
    if await read.hosts.page(ALL):
        return False
    assert await there_is_no_instance(world)
    (volume,), (snapshot,) = await read.volumes.page(ALL), await read.snapshots.page(ALL)
    for lost in (volume, snapshot):
        assert (lost.state, lost.reason) == ("error", "its host was removed")
    return True


async def has_an_address(world: World) -> bool:
    return (await the_instance(world)).floating_ips != ()


async def the_disc_is_in_the_drive(world: World) -> bool:
    instance = await the_instance(world)
    (disc,) = await world.store.read().images.page(Filter(project_id=world.caller.project_id))
    assert instance.iso_id in {None, disc.id}
    return instance.iso_id == disc.id


async def the_drive_is_empty(world: World) -> bool:
    return not await the_disc_is_in_the_drive(world)


async def there_is_no_image(world: World) -> bool:
    mine = Filter(project_id=world.caller.project_id)
    return await world.store.read().images.page(mine) == []


async def the_image_is_available(world: World) -> bool:
    (image,) = await world.store.read().images.page(Filter(project_id=world.caller.project_id))
    return image.state == "available"


REINSTALL = ReinstallInstance(instance="web", hostname="again")
RESTORE = RestoreInstance(instance="web", snapshot="before")
RESIZE = ResizeInstance(instance="web", vcpus=2, disk_gib=9)


def resize_to(plan: str) -> Accept:
    return asking(ResizeInstance(instance="web", plan=plan))


async def create_with_two_cards(world: World) -> Operation:
    _, operation = await world.accept_create(plan="two-cards")
    return operation


SNAPSHOT = CreateSnapshot(name="s", instance="web")


async def create_far_away(world: World) -> Operation:
    _, operation = await world.accept_create(image="before", region="far")
    return operation


async def create(world: World) -> Operation:
    _, operation = await world.accept_create()
    return operation


async def reboot(world: World) -> Operation:
    """Where one that failed has left it stopped, the user starts it."""
    stopped = await the_instance_is_stopped(world)
    verb = StartInstance if stopped else RebootInstance
    return (await world.execute(verb(instance="web"))).operation


ATTACH = asking(AttachVolume(volume="data", instance="web"))


async def retire(world: World) -> Operation:
    return (await world.retire("web")).operation


SCENARIOS = {
    "create": Scenario("instance.create", nothing, create, an_instance_runs),
    "start": Scenario(
        "instance.start", a_stopped_instance, asking(StartInstance(instance="web")),
        an_instance_runs, undone=False,
    ),
    "stop": Scenario(
        "instance.stop", an_instance, asking(StopInstance(instance="web")),
        the_instance_is_stopped, undone=False,
    ),
    "reboot": Scenario(
        "instance.reboot", an_instance, reboot, it_has_booted_again, undone=False,
    ),
    "reset": Scenario(
        "instance.reset", an_instance, asking(ResetInstance(instance="web")),
        it_has_booted_again, undone=False,
    ),
    "import an image": Scenario(
        "image.import", nothing, asking(IMPORT_IMAGE), the_image_is_available
    ),
    "attach a new volume": Scenario("volume.attach", a_volume, ATTACH, volume_is_attached),
    "attach a used volume": Scenario("volume.attach", a_used_volume, ATTACH, volume_is_attached),
    "attach a volume of another host": Scenario(
        "volume.attach", a_volume_on_another_host, ATTACH, volume_has_moved
    ),
    "detach a volume": Scenario(
        "volume.detach", an_attached_volume, asking(DetachVolume(volume="data")),
        volume_is_detached,
    ),
    "grow an attached volume": Scenario(
        "volume.grow", an_attached_volume, asking(GrowVolume(volume="data", size_gib=9)),
        volume_has_nine_gib,
    ),
    "grow a used volume": Scenario(
        "volume.grow", a_used_volume, asking(GrowVolume(volume="data", size_gib=9)),
        volume_has_nine_gib,
    ),
    "delete a volume": Scenario(
        "volume.delete", a_used_volume, asking(DeleteVolume(volume="data")),
        there_is_no_volume, undone=False,
    ),
    "take a snapshot": Scenario(
        "snapshot.create", an_instance, asking(SNAPSHOT), snapshot_is_complete
    ),
    "take a snapshot of a stopped instance": Scenario(
        "snapshot.create", a_stopped_instance, asking(SNAPSHOT), snapshot_is_complete
    ),
    "clone a snapshot": Scenario(
        "snapshot.clone", a_snapshot_and_another_region,
        asking(CloneSnapshot(snapshot="before", region="far")), clone_is_complete,
    ),
    "create from a snapshot of another host": Scenario(
        "instance.create", a_snapshot_far_away, create_far_away, root_is_from_the_far_snapshot
    ),
    "restore from a snapshot of another host": Scenario(
        "instance.restore", an_instance_beside_a_snapshot_of_another_host, asking(RESTORE),
        root_is_from_the_far_snapshot,
    ),
    "delete a snapshot": Scenario(
        "snapshot.delete", a_snapshot, asking(DeleteSnapshot(snapshot="before")),
        there_is_no_snapshot, undone=False,
    ),
    "import a snapshot": Scenario(
        "snapshot.import", nothing, asking(IMPORT), import_is_complete
    ),
    "delete an imported snapshot": Scenario(
        "snapshot.delete", an_imported_snapshot, asking(DeleteSnapshot(snapshot="came")),
        there_is_no_snapshot_nor_its_image, undone=False,
    ),
    "reinstall": Scenario(
        "instance.reinstall", everything, asking(REINSTALL), is_called_again
    ),
    "reinstall a stopped instance": Scenario(
        "instance.reinstall", a_stopped_instance, asking(REINSTALL), is_called_again
    ),
    "restore": Scenario("instance.restore", a_snapshot, asking(RESTORE), root_is_from_snapshot),
    "resize": Scenario("instance.resize", everything, asking(RESIZE), has_two_vcpus),
    "resize a stopped instance": Scenario(
        "instance.resize", a_stopped_instance, asking(RESIZE), has_two_vcpus
    ),
    "attach a disc": Scenario(
        "instance.attach_iso", a_disc, asking(AttachDisc(instance="web", image="disc")),
        the_disc_is_in_the_drive,
    ),
    "attach a disc to a stopped instance": Scenario(
        "instance.attach_iso", a_disc_beside_a_stopped_instance,
        asking(AttachDisc(instance="web", image="disc")), the_disc_is_in_the_drive,
    ),
    "detach a disc": Scenario(
        "instance.detach_iso", a_disc_in_the_drive, asking(DetachDisc(instance="web")),
        the_drive_is_empty,
    ),
    "create with accelerators": Scenario(
        "instance.create", nothing, create_with_two_cards, has(CARD, 2)
    ),
    "resize to more accelerators": Scenario(
        "instance.resize", an_instance_with_a_card, resize_to("two-cards"), has(CARD, 2)
    ),
    "resize to other accelerators": Scenario(
        "instance.resize", an_instance_with_a_card, resize_to("other-card"), has(OTHER_CARD, 1)
    ),
    "delete an instance with accelerators": Scenario(
        "instance.delete", an_instance_with_a_card,
        asking(DeleteInstance(instance="web")), there_is_no_instance, undone=False,
    ),
    "attach a network": Scenario(
        "network.attach", a_subnet,
        asking(AttachNetwork(instance="web", subnet="sub")),
        is_in_the_subnet,
    ),
    "detach a network": Scenario(
        "network.detach", a_place_in_a_subnet, asking(DetachNetwork(instance="web", subnet="sub")),
        is_not_in_the_subnet,
    ),
    "delete an instance with everything": Scenario(
        "instance.delete", everything, asking(DeleteInstance(instance="web")),
        there_is_no_instance, undone=False,
    ),
    "retire an instance": Scenario(
        "instance.retire", an_instance,
        retire, there_is_no_instance,
    ),
    "tell a guest of a new address": Scenario(
        "instance.configure", an_instance,
        asking(CreateFloatingIp(name="", instance="web")),
        has_an_address, undone=False,
    ),
    "remove a host": Scenario(
        "host.remove", a_lost_host, asking(RemoveHost(host="h1")), there_is_no_host,
        undone=False,
    ),
    "delete an image": Scenario(
        "image.delete", an_image, asking(DeleteImage(image="mine")), there_is_no_image,
        undone=False,
    ),
}  # fmt: skip
