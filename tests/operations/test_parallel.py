"""Many at once: every address, MAC and name of a place is somebody's alone."""

import asyncio

import pytest

from atoll.domain.commands import CreateFloatingIp, CreateSubnet, CreateVpc
from atoll.domain.hosts import Capacity
from atoll.domain.instances import InstanceState
from atoll.ports import Filter
from tests.support.consistent import assert_consistent
from tests.support.world import World

pytestmark = pytest.mark.anyio
MANY = 50
ROOMY = Capacity(vcpus=100, memory_mib=100_000, disk_gib=1_000)


async def test_fifty_creates_at_once_share_nothing(world: World) -> None:
    await world.give_room(ROOMY)
    await world.execute(CreateVpc(name="net", cidr="10.9.0.0/16"))
    await world.execute(CreateSubnet(name="sub", vpc="net", cidr="10.9.1.0/24"))
    await asyncio.gather(
        *[world.accept_create(name=f"i{n}", subnet="sub" if n % 2 else None) for n in range(MANY)],
        *[world.execute(CreateFloatingIp(name=f"f{n}")) for n in range(10)],
    )
    await asyncio.gather(
        world.run_until_idle(world.engine(name="a")), world.run_until_idle(world.engine(name="b"))
    )
    await world.reported()
    read = world.store.read()
    made = await read.instances.page(Filter(limit=MANY + 1))
    assert [i.state for i in made] == [InstanceState.RUNNING] * MANY
    floating = [f.address for f in await read.floating_ips.page(Filter(limit=20))]
    for addresses in (
        [i.mac for i in made],
        [(i.network, i.private_ip) for i in made],
        [*(i.public_ip for i in made), *floating],
    ):
        assert len(set(addresses)) == len(addresses)
    await assert_consistent(world)
