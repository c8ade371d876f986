"""Why a guest does not execute, in QEMU's words and in ours, and what makes it go on.

Called by `guest`, which asks after each of these events and after each connection: QEMU stops a
guest by itself when the disk is full, on an error of its own, or when the guest asks for it.
"""

from pathlib import Path

from atoll.domain.instances import Halt
from atoll.drivers.disk_room import free_bytes
from atoll.drivers.qemu.monitor import Monitor

# After these events, the run state may be another one.
EVENTS = frozenset({
    "STOP", "RESUME", "SUSPEND", "WAKEUP", "WATCHDOG", "GUEST_PANICKED", "BLOCK_IO_ERROR", "RESET",
})  # fmt: skip
EXECUTING = "running"
HALTS = {
    "prelaunch": Halt.NOT_STARTED,
    "suspended": Halt.SUSPENDED,
    "io-error": Halt.DISK_ERROR,
    "guest-panicked": Halt.PANICKED,
    "internal-error": Halt.INTERNAL_ERROR,
    "watchdog": Halt.WATCHDOG,
}
# QEMU refuses `cont` for these until the machine is reset.
NEED_RESET = frozenset({Halt.PANICKED, Halt.INTERNAL_ERROR})

ROOM_BYTES = 64 * 2**20  # with less, a guest that goes on would stop again at once
RETRY_FIRST_S = 1.0
RETRY_MAX_S = 60.0


async def halt_of(monitor: Monitor) -> Halt | None:
    """Ask QEMU; None if the guest executes."""
    status = (await monitor.execute("query-status"))["status"]
    if status == EXECUTING:
        return None
    halt = HALTS.get(status, Halt.PAUSED)
    if halt is Halt.DISK_ERROR and await is_full(monitor):
        return Halt.DISK_FULL
    return halt


async def is_full(monitor: Monitor) -> bool:
    drives = await monitor.execute("query-block")
    return any(drive.get("io-status") == "nospace" for drive in drives)


async def go_on(monitor: Monitor, halt: Halt) -> Halt | None:
    """Make the guest execute; return why it still does not. A reset takes effect later: then the
    guest is not started, and an event says so."""
    if halt is Halt.SUSPENDED:
        await monitor.execute("system_wakeup")
    elif halt in NEED_RESET:
        await monitor.execute("system_reset")
    else:
        await monitor.execute("cont")
    return await halt_of(monitor)


def has_room(folder: Path) -> bool:
    """Tell whether the disks below have space that QEMU's user may use."""
    return free_bytes(folder) >= ROOM_BYTES


class Retries:
    """When a guest that a full disk has paused is tried again. The pause doubles if it stops again
    soon, as the last bytes of a disk are used up by all guests together."""

    def __init__(self) -> None:
        self.pause_s = RETRY_FIRST_S
        self._tried_at_s: float | None = None

    def note(self, now_s: float) -> None:
        """Note an attempt at this time of a monotonic clock."""
        last, self._tried_at_s = self._tried_at_s, now_s
        soon = last is not None and now_s - last < 2 * RETRY_MAX_S
        self.pause_s = min(RETRY_MAX_S, self.pause_s * 2) if soon else RETRY_FIRST_S
