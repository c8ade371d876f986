"""All pairs of actions on one instance at the same time: a legal end, whatever comes first."""

import asyncio
from itertools import combinations_with_replacement

import pytest

from atoll.domain.commands import (
    AttachDisc,
    Command,
    CreateFloatingIp,
    CreateSnapshot,
    DeleteInstance,
    DetachFloatingIp,
    DetachNetwork,
    DetachVolume,
    GrowVolume,
    RebootInstance,
    ReinstallInstance,
    ResetInstance,
    ResizeInstance,
    RestoreInstance,
    StartInstance,
    StopInstance,
    UpdateInstance,
)
from atoll.domain.errors import Refused
from tests.operations.situations import (
    everything,
    import_disc,
    settled,
)
from tests.support.consistent import assert_consistent
from tests.support.world import World

pytestmark = pytest.mark.anyio

RETIRE = "retire"
ACTIONS: dict[str, Command | None] = {
    "start": StartInstance(instance="web"),
    "stop": StopInstance(instance="web"),
    "pull the plug": StopInstance(instance="web", graceful_s=0),
    "reboot": RebootInstance(instance="web"),
    "reset": ResetInstance(instance="web"),
    "reinstall": ReinstallInstance(instance="web", hostname="web"),
    "restore": RestoreInstance(instance="web", snapshot="before"),
    "resize": ResizeInstance(instance="web", vcpus=2, disk_gib=9),
    "take a snapshot": CreateSnapshot(name="s", instance="web"),
    "detach its volume": DetachVolume(volume="data"),
    "grow its volume": GrowVolume(volume="data", size_gib=9),
    "leave a network": DetachNetwork(instance="web", subnet="sub"),
    "put a disc in": AttachDisc(instance="web", image="disc"),
    "get an address": CreateFloatingIp(name="more", instance="web"),
    "lose an address": DetachFloatingIp(floating_ip="ip"),
    "change its groups": UpdateInstance(instance="web", security_groups=()),
    "delete": DeleteInstance(instance="web"),
    RETIRE: None,
}


async def accepted(world: World, action: str) -> bool:
    """Whatever is refused is refused in words."""
    try:
        command = ACTIONS[action]
        await (world.retire("web") if command is None else world.execute(command))
    except Refused as refused:
        assert refused.message
        return False
    return True


@pytest.mark.parametrize(("one", "other"), list(combinations_with_replacement(ACTIONS, 2)))
async def test_two_at_once_end_well(sqlite_world: World, one: str, other: str) -> None:
    world = sqlite_world
    await everything(world)
    await import_disc(world)
    await world.execute(CreateSnapshot(name="before", instance="web"))
    await settled(world)
    await world.reported()
    first, second, _ = await asyncio.gather(
        accepted(world, one), accepted(world, other), settled(world)
    )
    assert first or second
    await settled(world)
    await world.reported()
    await assert_consistent(world)
