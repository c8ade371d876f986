"""The queue that keeps too many guests from starting at once."""

import pytest

from atoll.domain.errors import DriverBusy
from atoll.drivers.qemu.start_queue import START_S, StartQueue


class StillClock:
    now = 0

    def now_ms(self) -> int:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


def test_a_place_is_free_again_when_its_guest_leaves() -> None:
    queue = StartQueue(1, StillClock())
    queue.enter("a")
    with pytest.raises(DriverBusy):
        queue.enter("b")
    queue.leave("a")
    queue.enter("b")


def test_to_enter_again_takes_no_second_place() -> None:
    queue = StartQueue(2, StillClock())
    for guest in ("a", "a", "b"):
        queue.enter(guest)


def test_a_guest_that_never_says_that_it_is_ready_does_not_block_the_others() -> None:
    clock = StillClock()
    queue = StartQueue(1, clock)
    queue.enter("a")
    clock.now = START_S * 1000 - 1
    with pytest.raises(DriverBusy):
        queue.enter("b")
    clock.now += 1
    queue.enter("b")
