"""The users of the host as which QEMU and its tools run, if Atoll is root: one for each guest.

Called by `driver`. A guest that breaks out of its QEMU then finds nothing that another guest may
read or write. Numbers count from `--guest-uid`: its group may read the images, and guests that were
started by an earlier version run as its user; the next one is for qemu-img on disks at rest; all
further ones are for guests.
"""

import asyncio
from collections.abc import Callable

from atoll.domain.errors import DriverRefused
from atoll.drivers.qemu.process import Privileges, supplementary_groups

TOOLS, FIRST = 1, 2
GUESTS_MAX = 4096


class Users:
    """`base` is None if we are not root: then everything runs as the current user."""

    def __init__(self, base: int | None) -> None:
        self.base = base
        self._of_guest: dict[str, int] = {}

    @property
    def tools(self) -> Privileges:
        if self.base is None:
            return Privileges()
        return Privileges(uid=self.base + TOOLS, groups=(self.base,))

    def privileges(self, uid: int | None, accelerator: str, *, locks_memory: bool) -> Privileges:
        """Return those of a guest's QEMU."""
        if self.base is None:
            return Privileges(locks_memory=locks_memory)
        assert uid is not None, "no guest runs as root"
        groups = (self.base, *supplementary_groups(accelerator, uid))
        return Privileges(uid=uid, groups=groups, locks_memory=locks_memory)

    async def user_for(self, guest_id: str, disown: Callable[[int], None]) -> int | None:
        """Return the user of a guest that is about to start. Of a number that another guest may
        have had, what is left is taken away first."""
        if self.base is None or guest_id in self._of_guest:
            return self._of_guest.get(guest_id)
        uid = self._choose(guest_id)
        try:
            await asyncio.to_thread(disown, uid)
        except BaseException:
            self.release(guest_id)
            raise
        return uid

    def adopt(self, guest_id: str, uid: int) -> None:
        """Note the user of a recorded guest."""
        self._of_guest[guest_id] = uid

    def find(self, guest_id: str) -> int | None:
        return self._of_guest.get(guest_id)

    def _choose(self, guest_id: str) -> int:
        """Choose a user for a guest, which keeps it until it is removed."""
        assert self.base is not None, "only root has users to choose from"
        taken = set(self._of_guest.values())
        for uid in range(self.base + FIRST, self.base + FIRST + GUESTS_MAX):
            if uid not in taken:
                self._of_guest[guest_id] = uid
                return uid
        raise DriverRefused(
            f"all {GUESTS_MAX} users from {self.base + FIRST} on belong to guests of this host: "
            "delete some guests"
        )

    def release(self, guest_id: str) -> None:
        self._of_guest.pop(guest_id, None)
