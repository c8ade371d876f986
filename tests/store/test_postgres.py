"""What only PostgreSQL does: several servers on one database, and values written as literals."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from atoll.domain.errors import AtollError, Lost, StoreUnavailable
from atoll.domain.hosts import Reservation
from atoll.store.postgres import PostgresStore
from atoll.store.postgres_groups import GROUP_MAX
from tests.support import things
from tests.support.postgres import PostgresServer

pytestmark = [pytest.mark.anyio, pytest.mark.postgres]
FIRST, LAST = 1, 65_000


@pytest.fixture
async def pair(postgres_server: PostgresServer) -> AsyncIterator[list[PostgresStore]]:
    """Two servers on one database."""
    url = await asyncio.to_thread(postgres_server.migrated_database)
    stores = [PostgresStore(url), PostgresStore(url)]
    for store in stores:
        await store.open()
    yield stores
    for store in stores:
        await store.close()


async def take(store: PostgresStore, holder: str) -> int | None:
    async with store.transaction() as tx:
        tx.addresses.take("mac", holder, FIRST, LAST)
    return await store.read().addresses.find("mac", holder)


@pytest.mark.parametrize("text", ["it's", "a\\'b\\", "$1; DROP TABLE x --", '東京\n\t"', ""])
async def test_a_text_is_read_back_as_it_was_written(pair: list[PostgresStore], text: str) -> None:
    added = things.instance(name=text, labels={"k": text})
    async with pair[0].transaction() as tx:
        tx.instances.add(added)
    assert await pair[1].read().instances.get(added.id) == added
    assert await pair[1].read().instances.named("proj-1", text) == [added]


async def test_two_servers_take_numbers_from_lanes_of_their_own(pair: list[PostgresStore]) -> None:
    one, two = await take(pair[0], "a"), await take(pair[1], "b")
    assert one == FIRST
    assert two is not None
    assert two > FIRST + 1
    assert await take(pair[0], "c") == FIRST + 1


async def test_the_lane_of_a_server_that_ended_is_taken_over(pair: list[PostgresStore]) -> None:
    await take(pair[0], "a")
    url = pair[0]._url
    await pair[0].close()
    third = PostgresStore(url)
    await third.open()
    assert await take(third, "b") == FIRST + 1
    await third.close()


async def test_a_full_lane_takes_from_the_whole_range(pair: list[PostgresStore]) -> None:
    last = FIRST + 16 * 256 - 1
    rows = [("mac", number, f"filler-{number}") for number in range(FIRST, FIRST + 256)]
    connection = await asyncpg.connect(pair[0]._url)
    await connection.executemany("INSERT INTO addresses VALUES ($1, $2, $3)", rows)
    await connection.close()
    async with pair[0].transaction() as tx:
        tx.addresses.take("mac", "a", FIRST, last)
    assert await pair[0].read().addresses.find("mac", "a") == FIRST + 256


async def test_servers_that_change_the_same_rows_in_opposite_orders_do_not_stop(
    pair: list[PostgresStore],
) -> None:
    hosts = [things.host(), things.host()]
    async with pair[0].transaction() as tx:
        for host in hosts:
            tx.hosts.add(host)

    async def reserve(store: PostgresStore, number: int, order: int) -> None:
        async with store.transaction() as tx:
            for host in hosts[::order]:
                slot = f"r-{number}-{order}-{host.id}"
                tx.hosts.reserve(
                    Reservation(id=slot, host_id=host.id, vcpus=1, memory_mib=1, disk_gib=1)
                )

    done = await asyncio.gather(
        *[reserve(pair[0], n, 1) for n in range(50)],
        *[reserve(pair[1], n, -1) for n in range(50)],
        return_exceptions=True,
    )
    assert all(one is None or isinstance(one, Lost) for one in done)
    used = [(await pair[0].read().hosts.get(host.id)).vcpus_used for host in hosts]
    assert used == [done.count(None)] * 2


async def test_more_than_a_group_is_written_whole(pair: list[PostgresStore]) -> None:
    added = [things.instance() for _ in range(3 * GROUP_MAX)]

    async def add(number: int) -> None:
        async with pair[0].transaction() as tx:
            tx.instances.add(added[number])

    await asyncio.gather(*[add(number) for number in range(len(added))])
    assert len(await pair[1].read().instances.page(things.every(1000))) == len(added)


async def test_of_a_commit_whose_connection_was_cut_nobody_says_that_it_happened(
    pair: list[PostgresStore],
) -> None:
    async def add() -> None:
        async with pair[0].transaction() as tx:
            tx.instances.add(things.instance())

    await add()
    connection = await asyncpg.connect(pair[0]._url)
    holding = connection.transaction()
    await holding.start()
    await connection.execute("LOCK TABLE instances")
    adding = asyncio.create_task(add())
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(10):
        while not await connection.fetch(cut):
            await asyncio.sleep(0.01)
    with pytest.raises(StoreUnavailable):
        await adding
    await holding.rollback()
    await connection.close()
    await add()
    assert len(await pair[1].read().instances.page(things.every(10))) == 2


async def test_what_no_text_can_hold_is_refused_alone(pair: list[PostgresStore]) -> None:
    async def add(name: str) -> str:
        async with pair[0].transaction() as tx:
            tx.instances.add(things.instance(name=name))
        return name

    done = await asyncio.gather(
        *[add(name) for name in ("a", "b\0", "\ud800", "c")], return_exceptions=True
    )
    assert [one for one in done if isinstance(one, str)] == ["a", "c"]
    assert not any(isinstance(one, AtollError) for one in done)
