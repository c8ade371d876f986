"""What there is before an operation: a world, brought so far by use cases that are done."""

from typing import Any

from atoll.domain.commands import (
    AttachDisc,
    AttachNetwork,
    AttachVolume,
    CreateFloatingIp,
    CreateImage,
    CreateSnapshot,
    CreateSubnet,
    CreateVolume,
    CreateVpc,
    DeleteInstance,
    DetachVolume,
    ImportSnapshot,
    StopInstance,
    UpdateHost,
)
from atoll.domain.images import ImageKind, ImageSource, SourceKind
from atoll.domain.instances import Instance
from atoll.messages import Ask, Opening
from atoll.operations.reconcile import LOST_AFTER_S
from atoll.ports import Filter
from tests.support.world import World

ALL = Filter(limit=100)


async def the_instance(world: World) -> Instance:
    return (await world.store.read().instances.page(ALL))[0]


async def settled(world: World) -> None:
    await world.run_until_idle(world.engine())


async def an_instance(world: World) -> None:
    await world.created()


async def an_instance_with_a_card(world: World) -> None:
    await world.accept_create(plan="one-card")
    await settled(world)


async def a_stopped_instance(world: World) -> None:
    instance = await world.created()
    await world.execute(StopInstance(instance=instance.id))
    await settled(world)


async def a_volume(world: World) -> None:
    await world.created()
    await world.execute(CreateVolume(name="data", size_gib=7))


async def a_used_volume(world: World) -> None:
    """Attached before, so its bytes are on the host."""
    await an_attached_volume(world)
    await world.execute(DetachVolume(volume="data"))
    await settled(world)


async def an_attached_volume(world: World) -> None:
    await a_volume(world)
    await world.execute(AttachVolume(volume="data", instance="web"))
    await settled(world)


async def a_snapshot(world: World) -> None:
    await world.created()
    await world.execute(CreateSnapshot(name="before", instance="web"))
    await settled(world)


async def a_snapshot_far_away(world: World) -> None:
    """The instance that it was taken of is gone: its host is not where the next one shall be."""
    await a_snapshot(world)
    await world.execute(DeleteInstance(instance="web"))
    await settled(world)
    await world.add_host(2, "far")


async def a_snapshot_and_another_region(world: World) -> None:
    await a_snapshot(world)
    await world.add_host(2, "far")


async def an_instance_beside_a_snapshot_of_another_host(world: World) -> None:
    await a_snapshot_far_away(world)
    await world.accept_create(region="far")
    await settled(world)


async def a_volume_on_another_host(world: World) -> None:
    """Its instance is gone, and the next one is where it is not."""
    await an_attached_volume(world)
    await world.execute(DeleteInstance(instance="web"))
    await settled(world)
    await world.add_host(2)
    await world.execute(UpdateHost(host="h1", enabled=False))
    await world.accept_create()
    await settled(world)


async def a_subnet(world: World) -> None:
    await world.created()
    await world.execute(CreateVpc(name="net", cidr="10.9.0.0/16"))
    await world.execute(CreateSubnet(name="sub", vpc="net", cidr="10.9.1.0/24"))


async def a_place_in_a_subnet(world: World) -> None:
    await a_subnet(world)
    await world.execute(AttachNetwork(instance="web", subnet="sub"))
    await settled(world)


async def everything(world: World) -> None:
    """An instance with all that it can have."""
    await an_attached_volume(world)
    await world.execute(CreateFloatingIp(name="ip", instance="web"))
    await settled(world)
    await world.execute(CreateVpc(name="net", cidr="10.9.0.0/16"))
    await world.execute(CreateSubnet(name="sub", vpc="net", cidr="10.9.1.0/24"))
    await world.execute(AttachNetwork(instance="web", subnet="sub"))
    await settled(world)


async def a_lost_host(world: World) -> None:
    """With everything and a snapshot; its machine will never be seen again."""
    await everything(world)
    await world.execute(CreateSnapshot(name="before", instance="web"))
    await settled(world)
    await lose_host(world)


async def lose_host(world: World) -> None:
    stop_serving = await world.bus.serve("host-1", nobody, nobody)
    await stop_serving()
    await world.drivers.pop("host-1").close()
    world.clock.advance(LOST_AFTER_S + 1)
    await world.reconciler.mark_silent()


async def nobody(request: Ask | Opening) -> Any:
    raise AssertionError(f"nobody is there to be asked: {request}")


IMPORT_IMAGE = CreateImage(
    name="mine",
    source=ImageSource(kind=SourceKind.URL, location="https://example.com/a.qcow2"),
)


async def an_image(world: World) -> None:
    await world.created()
    await world.execute(IMPORT_IMAGE)
    await settled(world)


async def a_disc(world: World) -> None:
    await world.created()
    await import_disc(world)


async def import_disc(world: World) -> None:
    source = ImageSource(kind=SourceKind.URL, location="https://example.com/a.iso")
    await world.execute(CreateImage(name="disc", kind=ImageKind.ISO, source=source))
    await settled(world)


async def a_disc_beside_a_stopped_instance(world: World) -> None:
    await a_disc(world)
    await world.execute(StopInstance(instance="web"))
    await settled(world)


async def a_disc_in_the_drive(world: World) -> None:
    await a_disc(world)
    await world.execute(AttachDisc(instance="web", image="disc"))
    await settled(world)


IMPORT = ImportSnapshot(
    name="came",
    source=ImageSource(kind=SourceKind.URL, location="https://example.com/disk.raw"),
)


async def an_imported_snapshot(world: World) -> None:
    await world.execute(IMPORT)
    await settled(world)


async def nothing(world: World) -> None:
    """An empty cloud."""
