"""A project may have so many operations waiting; more are refused, with a time to come back."""

from pathlib import Path
from typing import Any

import pytest

from atoll.domain.commands import CreateVpc
from atoll.domain.errors import RateLimited
from atoll.service import backlog
from atoll.service.backlog import FRESH_S, RETRY_S_MAX, RETRY_S_UNKNOWN, WAITING_MAX, Backlog
from tests.support.stores import KINDS, fresh_store
from tests.support.world import World

pytestmark = pytest.mark.anyio


class Told:
    """A transaction whose waiting operations are as many as a test says."""

    def __init__(self, waiting: int) -> None:
        self.number = waiting
        self.asked = 0
        self.operations = self

    async def waiting(self, project_id: str, at_most: int) -> int:
        self.asked += 1
        return min(self.number, at_most)


class Watch:
    def __init__(self) -> None:
        self.at_s = 100.0

    def __call__(self) -> float:
        return self.at_s


async def accepted(one: Backlog, tx: Any, more: int = 1, project: str = "p") -> None:
    await one.require_room(tx, project, more)


async def seconds_refused(one: Backlog, tx: Any, more: int = 1) -> int:
    with pytest.raises(RateLimited) as told:
        await one.require_room(tx, "p", more)
    return told.value.retry_after_s


async def test_up_to_the_bound_all_are_accepted_and_then_none() -> None:
    one, tx = Backlog(Watch()), Told(WAITING_MAX - 2)
    await accepted(one, tx)
    await accepted(one, tx)
    assert await seconds_refused(one, tx) == RETRY_S_UNKNOWN
    await accepted(one, Told(0), project="another")


async def test_several_of_one_request_count_together() -> None:
    one, tx = Backlog(Watch()), Told(WAITING_MAX - 2)
    await seconds_refused(one, tx, more=3)
    await accepted(one, tx, more=2)


async def test_the_database_is_asked_once_a_second() -> None:
    watch = Watch()
    one, tx = Backlog(watch), Told(0)
    for _ in range(10):
        await accepted(one, tx)
    assert tx.asked == 1
    watch.at_s += FRESH_S
    await accepted(one, tx)
    assert tx.asked == 2


async def test_nothing_that_starts_no_operation_is_counted_or_refused() -> None:
    tx = Told(WAITING_MAX)
    await accepted(Backlog(Watch()), tx, more=0)
    assert tx.asked == 0


@pytest.mark.parametrize(("begun", "seconds"), [(50, 3), (1000, 1), (1, RETRY_S_MAX)])
async def test_the_time_to_come_back_follows_from_how_many_have_begun(
    begun: int, seconds: int
) -> None:
    watch = Watch()
    one, tx = Backlog(watch), Told(WAITING_MAX)
    await seconds_refused(one, tx)
    tx.number -= begun
    watch.at_s += 1
    assert await seconds_refused(one, tx, more=begun + 1) == seconds


async def test_the_projects_that_are_remembered_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backlog, "PROJECTS_MAX", 3)
    one, tx = Backlog(Watch()), Told(0)
    for number in range(10):
        await accepted(one, tx, project=f"p{number}")
    assert len(one._counts) == 3


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_refused_is_not_written_and_what_starts_nothing_goes_on(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "WAITING_MAX", 2)
    store = await fresh_store(kind, request, tmp_path)
    world = World(store)
    await world.open()
    for number in range(2):
        await world.accept_create(name=f"i{number}")
    with pytest.raises(RateLimited):
        await world.accept_create(name="one-too-many")
    assert await store.read().instances.named(world.caller.project_id, "one-too-many") == []
    await world.execute(CreateVpc(name="v", cidr="10.0.0.0/8"))
    assert await store.read().operations.waiting(world.caller.project_id, 10) == 2
    assert await store.read().operations.waiting("another", 10) == 0
    await world.close()
    await store.close()
