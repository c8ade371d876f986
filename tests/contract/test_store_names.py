"""Names that only one resource of a project can hold, on every store."""

import asyncio

import pytest

from atoll.domain.errors import Lost
from atoll.domain.instances import Goal, InstanceState
from atoll.ports import Filter, Store
from tests.support import things

pytestmark = pytest.mark.anyio


async def test_a_name_has_one_holder_in_each_project(store: Store) -> None:
    mine = things.instance(name="one")
    theirs = things.instance(name="one", project_id="proj-2")
    async with store.transaction() as tx:
        tx.instances.add(mine)
        tx.instances.add(theirs)
    read = store.read()
    assert await read.instances.holder("proj-1", "one") == mine
    assert await read.instances.holder("proj-2", "one") == theirs
    assert await read.instances.holder("proj-1", "two") is None


async def test_of_many_that_take_a_name_at_once_one_gets_it(store: Store) -> None:
    async def add() -> str:
        try:
            async with store.transaction() as tx:
                tx.instances.add(things.instance(name="one"))
        except Lost:
            return "lost"
        return "added"

    outcomes = await asyncio.gather(*[add() for _ in range(20)])
    assert sorted(outcomes) == ["added"] + ["lost"] * 19
    assert len(await store.read().instances.page(Filter(name="one"))) == 1


async def test_who_renames_to_a_taken_name_loses_and_keeps_its_own(store: Store) -> None:
    other = things.instance(name="two")
    async with store.transaction() as tx:
        tx.instances.add(things.instance(name="one"))
        tx.instances.add(other)
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.instances.change(other, name="one")
    assert await store.read().instances.holder("proj-1", "two") == other


@pytest.mark.parametrize("change", [{"goal": Goal.DELETED}, {"state": InstanceState.DELETED}])
async def test_a_deleted_instance_lets_go_of_its_name(
    store: Store, change: dict[str, object]
) -> None:
    old, new = things.instance(name="one"), things.instance(name="one")
    async with store.transaction() as tx:
        tx.instances.add(old)
    async with store.transaction() as tx:
        gone = tx.instances.change(old, **change)
        assert await tx.instances.holder("proj-1", "one") is None
        tx.instances.add(new)
        assert await tx.instances.holder("proj-1", "one") == new
    assert await store.read().instances.holder("proj-1", "one") == new
    with pytest.raises(Lost):
        async with store.transaction() as tx:
            tx.instances.change(gone, goal=Goal.RUNNING, state=InstanceState.RUNNING)


async def test_a_page_is_selected_by_the_name_as_it_was_given(store: Store) -> None:
    first = things.instance(name="web")
    second = things.instance(name="web-2", requested_name="web")
    async with store.transaction() as tx:
        tx.instances.add(first)
        tx.instances.add(second)
    read = store.read()
    wanted = Filter(project_id="proj-1", given_name="web")
    assert await read.instances.page(wanted) == [first, second]
    assert await read.instances.count(wanted) == 2
    assert await read.instances.page(Filter(project_id="proj-1", given_name="web-2")) == []
