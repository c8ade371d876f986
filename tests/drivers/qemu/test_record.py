"""A guest's folder, in which QEMU may write too."""

import os
from pathlib import Path

import pytest

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.drivers.qemu.command_line import CONSOLE_LOG
from atoll.drivers.qemu.record import CONSOLE_BYTES_KEPT, CONSOLE_BYTES_MAX, GuestFolder, Record
from atoll.messages import Power
from tests.contract.drivers import GUEST_UID
from tests.drivers.qemu.test_command_line import guest


@pytest.fixture
def folder(tmp_path: Path) -> GuestFolder:
    made = GuestFolder(tmp_path / "guest", GUEST_UID)
    made.prepare(b"seed")
    return made


def test_what_is_recorded_is_read_again(folder: GuestFolder) -> None:
    assert folder.load() is None
    record = Record(spec=guest(), boots=3, power=Power.RUNNING, pid=12, ports={"tcp/22": "x"})
    folder.save(record)
    assert folder.load() == record


def test_a_record_that_cannot_be_read_is_named(folder: GuestFolder) -> None:
    (folder.path / "guest.json").write_text("{")
    with pytest.raises(DriverRefused, match=r"guest\.json"):
        folder.load()


def test_a_stopped_guest_has_no_open_ports() -> None:
    assert Record(spec=guest(), ports={"tcp/22": "x"}).facts().ports == {}


def test_a_log_that_grew_too_long_keeps_its_tail(folder: GuestFolder) -> None:
    log = folder.path / CONSOLE_LOG
    log.write_bytes(b"x" * CONSOLE_BYTES_MAX + b"the end")
    folder.trim_log()
    assert log.stat().st_size == CONSOLE_BYTES_KEPT
    assert folder.read_log(7) == b"the end"


def test_a_log_within_its_bound_is_left_alone(folder: GuestFolder) -> None:
    (folder.path / CONSOLE_LOG).write_bytes(b"x" * CONSOLE_BYTES_MAX)
    folder.trim_log()
    assert (folder.path / CONSOLE_LOG).stat().st_size == CONSOLE_BYTES_MAX


def test_a_guest_that_wrote_nothing_has_an_empty_log(folder: GuestFolder) -> None:
    folder.trim_log()
    assert folder.read_log(100) == b""


def test_a_link_in_place_of_the_log_is_not_followed(folder: GuestFolder, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * (CONSOLE_BYTES_MAX + 1))
    (folder.path / CONSOLE_LOG).symlink_to(secret)
    with pytest.raises(DriverUnavailable):
        folder.read_log(100)
    with pytest.raises(DriverUnavailable):
        folder.trim_log()
    assert secret.stat().st_size == CONSOLE_BYTES_MAX + 1


def test_a_fifo_in_place_of_the_log_is_not_waited_for(folder: GuestFolder) -> None:
    os.mkfifo(folder.path / CONSOLE_LOG)
    assert folder.read_log(100) == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give QEMU a user of its own")
def test_qemus_user_may_add_files_but_not_replace_the_record(folder: GuestFolder) -> None:
    folder.save(Record(spec=guest()))
    stat = folder.path.stat()
    assert (stat.st_uid, stat.st_gid, stat.st_mode & 0o7777) == (0, GUEST_UID, 0o1770)
    assert (folder.path / "guest.json").stat().st_mode & 0o777 == 0o600
    assert (folder.path / "seed.iso").stat().st_mode & 0o777 == 0o640
