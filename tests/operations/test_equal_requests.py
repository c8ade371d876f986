"""Equal requests at the same time: all are answered as one after another would be."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from atoll.domain.commands import ReinstallInstance, SetBackups, SetReverseDns, UpdateInstance
from atoll.domain.instances import Instance
from atoll.domain.timers import Backups
from atoll.service.desk import Outcome
from tests.support.things import NOW
from tests.support.world import World

pytestmark = pytest.mark.anyio
DAILY = Backups(cron="0 3 * * *", keep=3)
Send = Callable[[World, Instance], Awaitable[Outcome[Any]]]
REQUESTS: dict[str, Send] = {
    "delete": lambda world, one: world.retire(one.id),
    "set the time of expiry": lambda world, one: world.execute(
        UpdateInstance(instance=one.id, expires_at_ms=NOW + 3_600_000)
    ),
    "set the schedule of backups": lambda world, one: world.execute(
        SetBackups(instance=one.id, backups=DAILY)
    ),
    "set the name of an address": lambda world, one: world.execute(
        SetReverseDns(address=str(one.public_ip), name="web.example.com")
    ),
}


@pytest.mark.parametrize("send", REQUESTS.values(), ids=REQUESTS.keys())
async def test_equal_requests_at_once_are_all_accepted(world: World, send: Send) -> None:
    instance = await world.created()
    outcomes = await asyncio.gather(*(send(world, instance) for _ in range(6)))
    assert all(isinstance(one, Outcome) for one in outcomes)


async def test_the_last_of_two_reinstallations_sets_the_annotations(world: World) -> None:
    """A dialect notes the system that was asked for, here the same as before the first of both."""
    instance = await world.created()
    await world.execute(UpdateInstance(instance=instance.id, annotations={"os": "1"}))
    for system in ("2", "1"):
        await world.execute(ReinstallInstance(instance=instance.id, annotations={"os": system}))
    await world.run_until_idle(world.engine())
    assert (await world.store.read().instances.get(instance.id)).annotations["os"] == "1"
