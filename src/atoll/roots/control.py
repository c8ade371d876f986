"""What each process of the control plane needs: the database and the keys."""

import secrets
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name

from atoll.operations.steps import Ranges
from atoll.ports import Store
from atoll.roots.parts import Part
from atoll.service import catalogue, projects
from atoll.service.keys import Keys, new_text
from atoll.service.passwords import Passwords
from atoll.settings import Settings
from atoll.state_dir import StateDir
from atoll.system import RandomIds, SystemClock

CATALOGUE = Path(__file__).parent.parent / "catalogue.toml"
DATABASE_FILE = "atoll.db"
KEY_BYTES = 32


class Control:
    """`first_key` is the text of the admin key if this start created it. `listeners` are called for
    each accepted request."""

    def __init__(self, settings: Settings, state: StateDir) -> None:
        self.settings = settings
        self.state = state
        self.clock = SystemClock()
        self.ids = RandomIds(self.clock)
        self.store = store_of(settings)
        self.keys = Keys(self.store, self.clock, state.secret())
        self.passwords = Passwords(state.secret(), self.clock)
        self.ranges = Ranges(settings.public_cidr, settings.private_cidr)
        self.listeners: list[Callable[[], None]] = []
        self.first_key: str | None = None

    def part(self) -> Part:
        return Part("store", start=self._start, stop=self.store.close)

    def accepted(self) -> None:
        for listener in self.listeners:
            listener()

    async def _start(self) -> None:
        """Open the database, and initialize a new one. The admin key's file is written before the
        key becomes valid."""
        await self.store.open()
        known = self.state.admin_key()
        text = known or new_text(secrets.token_bytes(KEY_BYTES))
        if known is None:
            self.state.keep_admin_key(text)
        fresh = await projects.ensure_first_key(self.store, self.clock, self.ids, self.keys, text)
        self.first_key = text if fresh else None
        if not fresh and known is None:
            self.state.forget_admin_key()
            raise RuntimeError(
                "this database belongs to another Atoll: copy admin.key and server.secret (and "
                "hosts.json, where it is to go on in its place) from "
                f"its state directory to {self.state.path}"
            )
        await projects.ensure_groups(self.store, self.clock, self.ids)
        wanted = catalogue.read_catalogue(CATALOGUE)
        await catalogue.ensure(self.store, self.clock, self.ids, wanted, self.settings.regions)


def store_of(settings: Settings) -> Store:
    """Only the selected database is imported, so that an idle server stays small."""
    store: Store
    if settings.database is not None:
        store = resolve_name("atoll.store.postgres:PostgresStore")(settings.database)
    else:
        store = resolve_name("atoll.store.sqlite:SqliteStore")(settings.state / DATABASE_FILE)
    return store
