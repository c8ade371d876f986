"""Who has lost the admin key gets another one on the machine of the server."""

import asyncio
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.contexts import remember
from atoll.domain.errors import Unauthenticated
from atoll.domain.projects import Role
from atoll.ports import Filter
from atoll.roots import admin_key_recover
from atoll.roots.control import Control
from tests.roots.test_control import first, opened, settings_of, start
from tests.support.stores import fresh_file

__all__ = ["first"]
pytestmark = pytest.mark.anyio


def recover(path: Path, *more: str) -> int:
    return admin_key_recover.main(
        ["--state", str(path), *more], {"XDG_CONFIG_HOME": str(path.parent)}
    )


@pytest.fixture
async def running(first: Path) -> AsyncIterator[Control]:
    """The control plane of a server that runs, on the first key."""
    with opened(first) as state:
        control = Control(settings_of(first), state)
        await control._start()
        yield control
        await control.store.close()


async def test_the_running_server_takes_the_new_key_and_no_longer_the_old_one(
    running: Control, capsys: pytest.CaptureFixture[str]
) -> None:
    path = running.state.path
    before = running.state.admin_key() or ""
    old = await running.keys.find(before)
    assert await asyncio.to_thread(recover, path) == 0
    after = running.state.admin_key() or ""
    assert (await running.keys.find(after)).role is Role.ADMIN
    running.keys.forget()  # as it does after a second
    with pytest.raises(Unauthenticated):
        await running.keys.find(before)
    said = capsys.readouterr().out
    assert f"the key {old.id} (admin) is no longer valid" in said
    assert after not in said


async def test_a_recovery_is_in_the_audit(running: Control) -> None:
    old = await running.keys.find(running.state.admin_key() or "")
    await asyncio.to_thread(recover, running.state.path)
    new = await running.keys.find(running.state.admin_key() or "")
    (record,) = await running.store.read().audit.page(Filter(project_id=new.project_id))
    assert (record.action, record.dialect, record.resource_id) == (
        "api_key.recover", "server", new.id,
    )  # fmt: skip
    assert record.before == {"id": old.id, "name": "admin", "role": "admin"}


@pytest.mark.parametrize("lost", [True, False])
async def test_a_server_starts_again_with_a_recovered_key(lost: bool, first: Path) -> None:
    old_id = await start(first)
    if lost:
        (first / "admin.key").unlink()
    assert await asyncio.to_thread(recover, first) == 0
    assert await start(first) not in {"", old_id}
    assert (first / "admin.key").stat().st_mode & 0o777 == 0o600


async def test_in_a_database_of_an_earlier_version_the_first_key_is_replaced(first: Path) -> None:
    old_id = await start(first)
    (first / "admin.key").unlink()
    with sqlite3.connect(first / "atoll.db") as connection:
        connection.execute("DELETE FROM installation")
    connection.close()
    await asyncio.to_thread(recover, first)
    with sqlite3.connect(first / "atoll.db") as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM api_keys")]
    connection.close()
    assert ids == [await start(first)] != [old_id]


async def test_the_command_line_gets_the_new_key(
    first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = first.parent / "atoll/cli.json"
    remember(config, url="http://127.0.0.1:1", api_key="ak_lost", state=first)
    await asyncio.to_thread(recover, first)
    assert (first / "admin.key").read_text().strip() in config.read_text()
    assert "the context local of the command line has the new key" in capsys.readouterr().out


async def test_a_terminal_shows_the_new_key(
    first: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    await asyncio.to_thread(recover, first)
    assert (first / "admin.key").read_text().strip() in capsys.readouterr().out


@pytest.mark.parametrize("copied", [True, False])
async def test_a_lost_secret_needs_to_be_given_up_in_words(
    copied: bool, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await start(first)
    (first / "server.secret").unlink()
    if copied:
        (first / "server.secret").write_text("ef" * 32)
    assert await asyncio.to_thread(recover, first) == 1
    assert "--new-secret" in capsys.readouterr().err
    assert (first / "server.secret").exists() is copied
    assert await asyncio.to_thread(recover, first, "--new-secret") == 0
    assert await start(first) != ""


async def test_the_secret_of_a_running_server_is_not_replaced(
    running: Control, capsys: pytest.CaptureFixture[str]
) -> None:
    before = running.state.admin_key()
    assert await asyncio.to_thread(recover, running.state.path, "--new-secret") == 1
    assert "stop it first" in capsys.readouterr().err
    assert running.state.admin_key() == before


async def test_a_running_server_of_another_version_is_not_migrated_under_it(
    running: Control, capsys: pytest.CaptureFixture[str]
) -> None:
    path = running.state.path / "atoll.db"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    assert await asyncio.to_thread(recover, running.state.path) == 1
    assert "stop the server first" in capsys.readouterr().err


@pytest.mark.parametrize(("made", "says"), [(False, "no state directory"), (True, "server.secret")])
async def test_where_no_server_was_nothing_is_made(
    made: bool, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "none"
    if made:
        path.mkdir()
    assert await asyncio.to_thread(recover, path) == 1
    assert says in capsys.readouterr().err
    assert not (path / "server.secret").exists()
    assert not (path / "atoll.db").exists()


async def test_a_database_without_a_server_has_no_key_to_recover(
    first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    shutil.copy(first / "server.secret", fresh)
    fresh_file(fresh / "atoll.db")
    assert await asyncio.to_thread(recover, fresh) == 1
    assert "no server has used this database yet" in capsys.readouterr().err
