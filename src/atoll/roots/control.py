"""What each process of the control plane needs: the database and the keys."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from pkgutil import resolve_name

import structlog

from atoll.operations.steps import Ranges
from atoll.ports import Store
from atoll.roots.parts import Part
from atoll.service import catalogue, installation, projects
from atoll.service.keys import Keys, new_text
from atoll.service.passwords import Passwords
from atoll.settings import Settings
from atoll.state_dir import StateDir
from atoll.system import RandomIds, SystemClock

log = structlog.get_logger()
CATALOGUE = Path(__file__).parent.parent / "catalogue.toml"
DATABASE_FILE = "atoll.db"
KEY_BYTES = 32
# 2025: this version is younger.
PASSED_MS = 1_735_689_600_000
BEHIND_MS_MAX = 3_600_000


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
        require_clock(self.clock.now_ms())
        known = self.state.admin_key()
        text = known or new_text(secrets.token_bytes(KEY_BYTES))
        if known is None:
            self.state.make_admin_key(text)
        fresh = await projects.ensure_first_key(self.store, self.clock, self.ids, self.keys, text)
        self.first_key = text if fresh else None
        if not fresh:
            await self._require_own(known)
        await projects.ensure_groups(self.store, self.clock, self.ids)
        wanted = catalogue.read_catalogue(CATALOGUE)
        await catalogue.ensure(self.store, self.clock, self.ids, wanted, self.settings.regions)

    async def _require_own(self, admin_key: str | None) -> None:
        """Raises RuntimeError if the files in the state directory are not those of the database."""
        standing = await installation.stand(self.store, self.clock, self.keys, admin_key)
        if standing.secret is None and self.state.made_secret:
            standing = standing._replace(secret=False)
        trouble = trouble_of(standing, admin_key, str(self.state.path))
        if trouble:
            self.state.forget_made()
            raise RuntimeError(trouble)
        if not standing.key:
            log.warning(
                "the key in admin.key is not valid: `atoll admin-key --recover` makes another",
                secret="not checked" if standing.secret is None else "right",
            )
        behind_ms = await installation.newest_ms(self.store) - self.clock.now_ms()
        if behind_ms > BEHIND_MS_MAX:
            log.warning(
                "the clock of this machine is behind the newest record of the database: check it",
                hours=behind_ms // 3_600_000,
            )


def require_clock(now_ms: int) -> None:
    """Raises RuntimeError before a time that has certainly passed: ids, expiry dates and
    certificates would be wrong."""
    if now_ms < PASSED_MS:
        said = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="seconds")
        raise RuntimeError(f"the clock of this machine says {said}: set it, and start again")


def trouble_of(standing: installation.Standing, admin_key: str | None, state: str) -> str:
    """Return why this server must not use the database; empty if it may."""
    if standing.secret is False and admin_key is not None:
        return (
            "the server.secret of this server is not the one of the database, so no API key would "
            f"be valid: copy server.secret to {state} from the state directory of the other "
            "server, or from a backup; if it is lost: `atoll admin-key --recover`"
        )
    if admin_key is None and standing.secret:
        return (
            f"admin.key is missing in {state}: copy it from the state directory of another server "
            "of the database or from a backup, or run `atoll admin-key --recover`"
        )
    if admin_key is None:
        return (
            "this database belongs to another Atoll: copy admin.key and server.secret (and "
            f"hosts.json, where it is to go on in its place) from its state directory to {state}"
        )
    return ""


def store_of(settings: Settings) -> Store:
    """Only the selected database is imported, so that an idle server stays small."""
    store: Store
    if settings.database is not None:
        store = resolve_name("atoll.store.postgres:PostgresStore")(settings.database)
    else:
        store = resolve_name("atoll.store.sqlite:SqliteStore")(settings.state / DATABASE_FILE)
    return store
