"""Watches whether the database can be read and written, for `/readyz`."""

import asyncio

import structlog

from atoll.domain.errors import StoreUnavailable
from atoll.ports import Store
from atoll.roots.parts import Part

log = structlog.get_logger()
PROBE_S = 2.0


class Health:
    """`trouble` says what is wrong with the database; empty if it works."""

    def __init__(self, store: Store) -> None:
        self.trouble = ""
        self._store = store

    def part(self) -> Part:
        return Part("health", run=self._run)

    async def _run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(PROBE_S)

    async def look(self) -> None:
        """Read, and write if a write has failed: an idle server leaves the disk alone. The log
        tells of changes only."""
        try:
            await self._store.read().operations.next_due_ms()
            if self.trouble or self._store.suspect:
                await self._store.probe()
        except StoreUnavailable as error:
            if not self.trouble:
                log.warning("not ready", why=error.message)
            self.trouble = error.message
            return
        if self.trouble:
            log.info("ready again")
        self.trouble = ""
