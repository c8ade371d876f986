"""What a transaction sees of its own writes, and how much there is: on every store."""

import pytest

from atoll.domain.instances import InstanceState
from atoll.ports import Filter, Store
from tests.support import things

pytestmark = pytest.mark.anyio


async def test_what_a_transaction_wrote_it_finds_again(store: Store) -> None:
    web = things.instance()
    async with store.transaction() as tx:
        tx.instances.add(web)
        found = await tx.instances.get(web.id)
        tx.instances.change(found, name="db")
        assert (await tx.instances.get(web.id)).name == "db"
        assert await store.read().instances.find(web.id) is None
    assert (await store.read().instances.get(web.id)).name == "db"


async def test_several_changes_of_one_thing_in_one_transaction_all_happen(store: Store) -> None:
    web = things.instance()
    async with store.transaction() as tx:
        tx.instances.add(web)
    async with store.transaction() as tx:
        tx.instances.change(await tx.instances.get(web.id), name="db")
        tx.instances.change(await tx.instances.get(web.id), labels={"env": "prod"})
    now = await store.read().instances.get(web.id)
    assert (now.name, now.labels, now.version) == ("db", {"env": "prod"}, 3)


async def test_what_a_transaction_removed_it_finds_no_more(store: Store) -> None:
    web = things.instance()
    async with store.transaction() as tx:
        tx.instances.add(web)
    async with store.transaction() as tx:
        tx.instances.remove(await tx.instances.get(web.id))
        assert await tx.instances.find(web.id) is None


async def test_things_are_counted_as_a_list_would_show_them(store: Store) -> None:
    web, db = things.instance(name="web"), things.instance(name="db")
    other = things.instance(project_id="proj-2")
    async with store.transaction() as tx:
        for one in (web, db, other):
            tx.instances.add(one)
        tx.instances.add(things.instance(state=InstanceState.DELETED, deleted_at_ms=1))
        tx.instances.change(web, labels={"env": "prod"})
    rows = store.read().instances
    assert await rows.count(Filter(project_id="proj-1", limit=1)) == 2
    assert await rows.count(Filter(name="db")) == 1
    assert await rows.count(Filter(labels=(("env", "prod"),))) == 1
    assert await rows.count(Filter(project_id="proj-1", after=web.id)) == 1


async def test_what_a_transaction_enqueued_goes_on_for_it(store: Store) -> None:
    first, second = things.operation(resource_id="r1"), things.operation(resource_id="r1")
    async with store.transaction() as tx:
        tx.operations.enqueue(first, things.NOW)
    async with store.transaction() as tx:
        tx.operations.enqueue(second, things.NOW)
        tx.operations.enqueue(things.operation(resource_id="r2"), things.NOW)
        assert [one.id for one in await tx.operations.live_on("r1")] == [first.id, second.id]
        tx.discard()
        assert [one.id for one in await tx.operations.live_on("r1")] == [first.id]
