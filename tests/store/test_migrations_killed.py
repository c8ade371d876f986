"""A migration that is killed leaves the database as it was, and the next start completes it.

`kill -9` ends the process right before one of its statements.
"""

import os
import random
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from atoll.store import migrate, revision
from tests.support.postgres import PostgresServer

SEED = 20261129
# From an empty database, from the oldest schema, and from one of the middle.
STARTS = (None, "0001", "0005")
SOME, MANY = 2, 17
Kill = Callable[[str, int], bool]


def migrate_and_die(url: str, at: int) -> bool:
    """Migrate in a process that is killed before its statement number `at`. Tell whether it came to
    that."""
    child = os.fork()
    if child == 0:
        statements = iter(range(at))

        def count(*_: object) -> None:
            if next(statements, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            sa.event.listen(sa.Engine, "before_cursor_execute", count)
            migrate.upgrade(url)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def killed_somewhere(url: str, prepare: Callable[[], None], times: int) -> int:
    """Kill that many migrations at random statements; each database is then migrated to its end.
    Return the number of those that were killed."""
    order = random.Random(SEED)
    killed = 0
    for _ in range(times):
        prepare()
        killed += migrate_and_die(url, order.randrange(1, 120))
        migrate.upgrade(url)
    return killed


def sqlite_file(path: Path, start: str | None) -> Callable[[], None]:
    def prepare() -> None:
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()
        if start is not None:
            migrate.upgrade(f"sqlite:///{path}", start)

    return prepare


def revision_of(path: Path) -> str:
    connection = sqlite3.connect(path)
    found: str = connection.execute(revision.FOUND).fetchone()[0]
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return found


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("times", [SOME, pytest.param(MANY, marks=pytest.mark.long)])
def test_a_file_survives_the_kill_of_its_migration(
    tmp_path: Path, start: str | None, times: int
) -> None:
    path = tmp_path / "a.db"
    assert killed_somewhere(f"sqlite:///{path}", sqlite_file(path, start), times) > 0
    assert revision_of(path) == revision.wanted()


def test_a_killed_migration_has_changed_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    migrate.upgrade(f"sqlite:///{path}", "0001")
    before = path.read_bytes()
    assert migrate_and_die(f"sqlite:///{path}", 60)
    connection = sqlite3.connect(path)
    assert connection.execute(revision.FOUND).fetchone() == ("0001",)
    connection.close()
    assert path.read_bytes() == before


@pytest.mark.postgres
@pytest.mark.parametrize("times", [SOME, pytest.param(MANY, marks=pytest.mark.long)])
def test_a_database_of_postgresql_survives_the_kill_of_its_migration(
    postgres_server: PostgresServer, times: int
) -> None:
    for start in STARTS:
        for number in range(times):
            url = postgres_server.new_database()
            if start is not None:
                migrate.upgrade(url, start)
            migrate_and_die(url, 7 * number + 11)
            migrate.upgrade(url)
