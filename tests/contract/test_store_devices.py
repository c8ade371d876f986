"""What every store does with the devices of hosts: each is in one reservation at most."""

import asyncio

import pytest
from msgspec.structs import replace

from atoll.domain.accelerators import Device
from atoll.domain.errors import Lost
from atoll.domain.hosts import Host, Reservation
from atoll.ports import Store
from tests.support import things

pytestmark = pytest.mark.anyio
CARDS = tuple(Device(kind="nvidia-rtx-3090", address=f"0000:0{n}:00.0") for n in range(3))


async def a_host(store: Store) -> Host:
    host = things.host(devices=CARDS)
    async with store.transaction() as tx:
        tx.hosts.add(host)
    return host


def place(host: Host, holder: str, *devices: Device) -> Reservation:
    return Reservation(
        id=holder, host_id=host.id, vcpus=1, memory_mib=1, disk_gib=1, devices=devices
    )


async def used(store: Store, host: Host) -> list[str]:
    return list((await store.read().hosts.get(host.id)).devices_used)


async def test_a_device_is_given_to_one(store: Store) -> None:
    host = await a_host(store)

    async def reserve(number: int) -> bool:
        try:
            async with store.transaction() as tx:
                tx.hosts.reserve(place(host, f"inst-{number}", CARDS[1]))
        except Lost:
            return False
        return True

    assert sum(await asyncio.gather(*[reserve(n) for n in range(10)])) == 1
    assert await used(store, host) == ["0000:01:00.0"]
    assert (await store.read().hosts.get(host.id)).vcpus_used == 1


async def test_devices_are_kept_with_their_place_and_given_back_with_it(store: Store) -> None:
    host, other = await a_host(store), await a_host(store)
    held = place(host, "inst-1", CARDS[0], CARDS[2])
    async with store.transaction() as tx:
        tx.hosts.reserve(held)
        tx.hosts.reserve(place(other, "inst-2", CARDS[0]))
    assert await store.read().hosts.reservation("inst-1") == held
    async with store.transaction() as tx:
        tx.hosts.release(held)
    assert await used(store, host) == []
    assert await used(store, other) == ["0000:00:00.0"]
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.hosts.release(held)


async def test_a_place_changes_its_devices_unless_another_has_them(store: Store) -> None:
    host = await a_host(store)
    held, others = place(host, "inst-1", CARDS[0]), place(host, "inst-2", CARDS[2])
    async with store.transaction() as tx:
        tx.hosts.reserve(held)
        tx.hosts.reserve(others)
    wanted = replace(held, devices=(CARDS[1],))
    async with store.transaction() as tx:
        tx.hosts.change_reservation(held, wanted)
    assert await store.read().hosts.reservation("inst-1") == wanted
    assert await used(store, host) == ["0000:01:00.0", "0000:02:00.0"]
    for before, after in ((wanted, others), (held, place(host, "inst-1"))):
        with pytest.raises(Lost):
            async with store.transaction() as tx:
                tx.hosts.change_reservation(before, replace(after, id="inst-1"))
    assert await used(store, host) == ["0000:01:00.0", "0000:02:00.0"]


async def test_what_is_promised_survives_a_host_that_has_lost_the_device(store: Store) -> None:
    host = await a_host(store)
    async with store.transaction() as tx:
        tx.hosts.reserve(place(host, "inst-1", CARDS[0]))
        tx.hosts.change(host, devices=CARDS[1:])
    async with store.transaction() as tx:
        tx.hosts.change(await tx.hosts.get(host.id), devices=CARDS)
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.hosts.reserve(place(host, "inst-2", CARDS[0]))
    assert [h.devices_used for h in await store.read().hosts.page(things.every(9))] == [
        ("0000:00:00.0",)
    ]
