"""A guest that has booted once and is lent to one test after another: most tests of what is done
to a running guest need no boot of their own, which takes seconds where it is emulated."""

from msgspec.structs import replace

from atoll.messages import GuestSpec, Power
from tests.contract.drivers import Bench

FIRST_BOOTS = 5  # so that a test can ask for fewer


class Lender:
    """Each test finds the guest running and ready, with nothing of what the one before gave it but
    the files on its disk. Where a test left it stopped, it is started; where removed, made."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._guest: GuestSpec | None = None

    async def lend(self) -> GuestSpec:
        guest = self._guest or await self.bench.new_guest(boots=FIRST_BOOTS)
        facts = await self.bench.driver.inspect(guest.id)
        if facts is None or facts.power is not Power.RUNNING:
            facts = await self.bench.start_until_ready(guest)
        elif not facts.ready:
            facts = await self.bench.changes.until(lambda facts: facts.ready)
        self._guest = replace(guest, boots=facts.boots)
        self.bench.changes.seen.clear()
        return self._guest

    async def take_back(self) -> None:
        assert self._guest is not None
        facts = await self.bench.driver.inspect(self._guest.id)
        if facts is None:
            self._guest = None
        elif facts.power is Power.RUNNING:
            await self.bench.configure(self._guest)
