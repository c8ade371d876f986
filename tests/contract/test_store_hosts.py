"""What every store does with many hosts."""

import pytest

from atoll.domain.errors import NoCapacity
from atoll.domain.hosts import HostState
from atoll.operations import placing
from atoll.ports import Store
from atoll.scheduler.filters import Demand
from atoll.store import hosts
from tests.support import things

pytestmark = pytest.mark.anyio
SMALL = Demand(region="local", vcpus=1, memory_mib=1, disk_gib=1)


async def add(store: Store, *added: hosts.Host) -> None:
    async with store.transaction() as tx:
        for host in added:
            tx.hosts.add(host)


async def test_every_host_is_found_beyond_a_page(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "PAGE", 3)
    added = [things.host() for _ in range(7)]
    await add(store, *added)
    assert await store.read().hosts.every() == added


async def test_candidates_are_those_of_the_region_that_take_instances(store: Store) -> None:
    fits = things.host()
    others = [
        things.host(region="far"), things.host(enabled=False), things.host(state=HostState.LOST),
        things.host(node_type="control"),
    ]  # fmt: skip
    await add(store, fits, *others)
    assert await store.read().hosts.candidates("local") == (fits.id,)


async def test_a_host_that_was_lost_is_no_candidate_any_more(store: Store) -> None:
    host = things.host()
    await add(store, host)
    assert await store.read().hosts.candidates("local") == (host.id,)
    async with store.transaction() as tx:
        tx.hosts.change(host, state=HostState.LOST)
    assert await store.read().hosts.candidates("local") == ()


async def test_the_only_host_with_room_is_found_among_many(store: Store) -> None:
    full = [things.host(vcpus_used=8) for _ in range(5 * placing.SAMPLE)]
    free = things.host()
    await add(store, *full, free)
    async with store.transaction() as tx:
        assert await placing.place(tx, SMALL) == free


async def test_where_no_host_has_room_each_says_why(store: Store) -> None:
    await add(store, *[things.host(vcpus_used=8) for _ in range(5 * placing.SAMPLE)])
    async with store.transaction() as tx:
        with pytest.raises(NoCapacity) as refused:
            await placing.place(tx, SMALL)
    assert len(refused.value.reasons) == 5 * placing.SAMPLE
