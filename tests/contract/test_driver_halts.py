"""A guest that is powered on and does not execute: every driver says so, and makes it go on."""

import pytest
from msgspec.structs import replace

from atoll.domain.instances import Halt
from atoll.messages import GuestFacts, Power
from tests.contract.drivers import Bench

pytestmark = pytest.mark.anyio


def is_paused(facts: GuestFacts) -> bool:
    return facts.halt is Halt.PAUSED


def executes(facts: GuestFacts) -> bool:
    return facts.ready and facts.halt is None


async def test_a_paused_guest_is_reported_and_goes_on_at_a_start_or_a_reset(bench: Bench) -> None:
    guest = await bench.new_guest()
    await bench.start_until_ready(guest)

    await bench.pause_inside(guest)
    paused = await bench.changes.until(is_paused)
    assert (paused.power, paused.ready, paused.crashed) == (Power.RUNNING, False, False)

    await bench.reopen()
    known = await bench.driver.inspect(guest.id)
    assert known is not None
    assert is_paused(known), "a driver that takes over knows it before it reports"

    started = await bench.driver.ensure_running(guest)
    assert (started.halt, started.boots) == (None, 1)
    await bench.changes.until(executes)

    await bench.pause_inside(guest)
    await bench.changes.until(is_paused)
    again = await bench.driver.ensure_running(replace(guest, boots=2))
    assert again.boots == 2
    if again.halt is not None:  # a reset takes a moment
        await bench.changes.until(lambda facts: facts.halt is None)
