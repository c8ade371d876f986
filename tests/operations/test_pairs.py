"""All pairs of actions on one instance at the same time: a legal end, whatever comes first."""

import asyncio
from collections.abc import Callable
from itertools import combinations_with_replacement
from typing import Any

import pytest

from atoll.domain.commands import (
    CreateFloatingIp,
    CreateSnapshot,
    Power,
    Reinstall,
    Resize,
    UpdateInstance,
)
from atoll.domain.errors import Refused
from atoll.service import (
    floating_ips,
    instance_delete,
    instance_iso,
    instance_rebuild,
    instance_resize,
    instances,
    networks,
    snapshots,
    volumes,
)
from tests.operations.situations import (
    everything,
    import_disc,
    settled,
)
from tests.support.consistent import assert_consistent
from tests.support.world import RANGES, World

pytestmark = pytest.mark.anyio

ACTIONS: dict[str, Callable[[], Any]] = {
    "start": lambda: instances.power("web", Power(verb="start")),
    "stop": lambda: instances.power("web", Power(verb="stop")),
    "pull the plug": lambda: instances.power("web", Power(verb="stop", graceful_s=0)),
    "reboot": lambda: instances.power("web", Power(verb="reboot")),
    "reset": lambda: instances.power("web", Power(verb="reset")),
    "reinstall": lambda: instance_rebuild.reinstall("web", Reinstall(hostname="web")),
    "restore": lambda: instance_rebuild.restore("web", "before"),
    "resize": lambda: instance_resize.resize("web", Resize(vcpus=2, disk_gib=9)),
    "take a snapshot": lambda: snapshots.create(CreateSnapshot(name="s", instance="web")),
    "detach its volume": lambda: volumes.detach("data"),
    "grow its volume": lambda: volumes.grow("data", 9),
    "leave a network": lambda: networks.detach("web", "sub"),
    "put a disc in": lambda: instance_iso.attach("web", "disc"),
    "get an address": lambda: floating_ips.create(
        CreateFloatingIp(name="more", instance="web"), RANGES
    ),
    "lose an address": lambda: floating_ips.detach("ip"),
    "change its groups": lambda: instances.update("web", UpdateInstance(security_groups=())),
    "delete": lambda: instance_delete.delete("web"),
    "retire": lambda: instance_delete.delete("web", recoverable_s=3600),
}


async def tried(world: World, action: str) -> None:
    """Whatever is refused is refused in words."""
    try:
        await world.do(ACTIONS[action]())
    except Refused as refused:
        assert refused.message


@pytest.mark.parametrize(("one", "other"), list(combinations_with_replacement(ACTIONS, 2)))
async def test_two_at_once_end_well(sqlite_world: World, one: str, other: str) -> None:
    world = sqlite_world
    await everything(world)
    await import_disc(world)
    await world.do(snapshots.create(CreateSnapshot(name="before", instance="web")))
    await settled(world)
    await world.reported()
    await asyncio.gather(tried(world, one), tried(world, other), settled(world))
    await settled(world)
    await world.reported()
    await assert_consistent(world)
