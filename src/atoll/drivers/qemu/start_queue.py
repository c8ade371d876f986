"""Limits concurrent starts of guests: `driver.QemuDriver` asks before it starts one."""

from atoll.domain.errors import DriverBusy
from atoll.ports import Clock

START_S = 60


class StartQueue:
    """Limits the guests between start and ready, because more at once slow down all of them. A
    guest that never reports ready leaves after a minute."""

    def __init__(self, starts_at_once: int, clock: Clock) -> None:
        self._starts_at_once = starts_at_once
        self._clock = clock
        self._until_ms: dict[str, int] = {}

    def enter(self, guest_id: str) -> None:
        """Enter the queue. Raises DriverBusy while it is full."""
        now_ms = self._clock.now_ms()
        self._until_ms = {one: at for one, at in self._until_ms.items() if at > now_ms}
        if guest_id not in self._until_ms and len(self._until_ms) >= self._starts_at_once:
            raise DriverBusy(
                f"{len(self._until_ms)} guests are starting on this host, the maximum",
                after_s=1.0,
            )
        self._until_ms[guest_id] = now_ms + START_S * 1000

    def leave(self, guest_id: str) -> None:
        self._until_ms.pop(guest_id, None)
