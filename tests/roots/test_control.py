"""A server starts only where its files, its database and its clock belong together."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from atoll.domain.installation import ID
from atoll.roots.control import Control, require_clock
from atoll.settings import Settings
from atoll.state_dir import StateDir
from tests.support import things
from tests.support.postgres import PostgresServer
from tests.support.stores import fresh_file

pytestmark = pytest.mark.anyio
FILES = ("server.secret", "admin.key")


def settings_of(state: Path, database: str | None = None) -> Settings:
    return Settings(
        state=state, cli_config=state / "cli.json", driver="simulator", database=database,
        recipes=state / "recipes", image_cache=state / "cache",
    )  # fmt: skip


@contextmanager
def opened(path: Path) -> Iterator[StateDir]:
    state = StateDir(path)
    try:
        state.open()
        yield state
    finally:
        state.close()


async def start(path: Path, database: str | None = None) -> str:
    """Start and stop the control plane. Returns the id of its admin key."""
    with opened(path) as state:
        control = Control(settings_of(path, database), state)
        try:
            await control._start()
            key = await control.keys.look_up(state.admin_key() or "")
            return key.id if key is not None else ""
        finally:
            await control.store.close()


@pytest.fixture
async def first(tmp_path: Path) -> Path:
    """The state directory of a server that has run."""
    path = tmp_path / "first"
    path.mkdir()
    fresh_file(path / "atoll.db")
    await start(path)
    return path


def second_of(first: Path, *files: str) -> Path:
    """The directory of another server on the same database, with copies of these files."""
    second = first.parent / "second"
    second.mkdir()
    for name in ("atoll.db", *files):
        shutil.copy(first / name, second / name)
    return second


async def test_a_server_starts_again_on_what_it_left(first: Path) -> None:
    assert await start(first) == await start(first) != ""


async def test_a_copy_of_all_files_is_the_same_server(first: Path) -> None:
    assert await start(second_of(first, *FILES)) == await start(first)


@pytest.mark.parametrize(
    ("copied", "says"),
    [
        (("admin.key",), "copy server.secret to .*second"),
        (("server.secret",), "admin.key is missing in .*second: .*--recover"),
        ((), "copy admin.key and server.secret"),
    ],
)
async def test_a_second_server_says_which_file_it_lacks(
    copied: tuple[str, ...], says: str, first: Path
) -> None:
    second = second_of(first, *copied)
    for _ in range(2):  # what the refused start left there changes nothing
        with pytest.raises(RuntimeError, match=says):
            await start(second)
    for name in FILES:
        shutil.copy(first / name, second / name)
    assert await start(second) != ""


async def test_the_secret_of_another_server_is_refused(first: Path) -> None:
    second = second_of(first, "admin.key")
    (second / "server.secret").write_text("ab" * 32)
    with pytest.raises(RuntimeError, match=r"copy server\.secret"):
        await start(second)
    assert (second / "server.secret").read_text() == "ab" * 32


@pytest.mark.postgres
async def test_two_servers_on_postgresql_need_the_same_secret(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    url = await asyncio.to_thread(postgres_server.migrated_database)
    first, second = tmp_path / "first", tmp_path / "second"
    key_id = await start(first, url)
    second.mkdir()
    shutil.copy(first / "admin.key", second / "admin.key")
    with pytest.raises(RuntimeError, match=r"copy server\.secret"):
        await start(second, url)
    shutil.copy(first / "server.secret", second / "server.secret")
    assert await start(second, url) == key_id


def without_mark(path: Path) -> Path:
    """As an earlier version left the database."""
    with sqlite3.connect(path / "atoll.db") as connection:
        connection.execute("DELETE FROM installation")
    connection.close()
    return path


def mark_in(path: Path) -> list[tuple[str]]:
    with sqlite3.connect(path / "atoll.db") as connection:
        found = connection.execute("SELECT id FROM installation").fetchall()
    connection.close()
    return found


async def test_a_database_of_an_earlier_version_gets_its_check_from_who_has_a_key_of_it(
    first: Path,
) -> None:
    without_mark(first)
    second = second_of(first, "admin.key")
    with pytest.raises(RuntimeError, match=r"copy server\.secret"):
        await start(second)
    (second / "server.secret").write_text("cd" * 32)
    with capture_logs() as logs:
        assert await start(second) == ""
    assert mark_in(second) == []
    assert [line["secret"] for line in logs if "admin.key" in line["event"]] == ["not checked"]
    await start(first)
    assert mark_in(first) == [(ID,)]


async def test_an_admin_key_that_is_not_valid_is_told_and_hinders_nobody(first: Path) -> None:
    (first / "admin.key").write_text("ak_of_another\n")
    with capture_logs() as logs:
        assert await start(first) == ""
    assert [line["secret"] for line in logs if "--recover" in line["event"]] == ["right"]


@pytest.mark.parametrize("damaged", ["", "not hexadecimal", "abcd"])
async def test_a_damaged_secret_is_refused(damaged: str, first: Path) -> None:
    (first / "server.secret").write_text(damaged)
    with pytest.raises(RuntimeError, match=r"server.secret is damaged"):
        await start(first)


@pytest.mark.parametrize("damaged", [b"\xff\xfe", b"[]", b"{"])
async def test_damaged_ids_of_hosts_are_refused(damaged: bytes, first: Path) -> None:
    (first / "hosts.json").write_bytes(damaged)
    with (
        opened(first) as state,
        pytest.raises(RuntimeError, match=r"hosts.json is damaged: copy it back"),
    ):
        state.host_ids()


async def test_an_empty_admin_key_is_refused(first: Path) -> None:
    (first / "admin.key").write_text("\n")
    with pytest.raises(RuntimeError, match=r"admin.key is empty: .*--recover"):
        await start(first)


@pytest.mark.parametrize("name", ["server.secret", "admin.key", "atoll.db"])
async def test_what_others_could_read_is_made_private_and_told(name: str, first: Path) -> None:
    (first / name).chmod(0o644)
    with capture_logs() as logs:
        await start(first)
    assert (first / name).stat().st_mode & 0o777 == 0o600
    assert [line["file"] for line in logs if "could read" in line["event"]] == [str(first / name)]


async def test_a_file_of_another_user_is_told_with_the_command_that_helps(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, _mode: path.name != "server.secret")
    with pytest.raises(RuntimeError, match=rf"server.secret: .*chown -R \S+ {first}"):
        await start(first)


def test_a_clock_that_was_never_set_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"says 1970-01-01T00:01:00.*: set it"):
        require_clock(60_000)


async def test_a_clock_behind_the_database_is_told(first: Path) -> None:
    with opened(first) as state:
        control = Control(settings_of(first), state)
        await control.store.open()
        async with control.store.transaction() as tx:
            tx.hosts.add(things.host(seen_at_ms=control.clock.now_ms() + 3 * 3_600_000))
        await control.store.close()
    with capture_logs() as logs:
        await start(first)
    assert [line["hours"] for line in logs if "behind the newest" in line["event"]] == [2]
