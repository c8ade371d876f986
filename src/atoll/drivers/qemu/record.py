"""A guest's folder on its host: the record, the seed, the console's log.

Called by `guest`. `<state>/guests/<id>/` is QEMU's working directory and holds its sockets.
QEMU may make files in it, but the record and the seed are ours: the folder is sticky, and whatever
QEMU may have put there is opened without following a link.
"""

import os
import shutil
import stat
from pathlib import Path

import msgspec

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.drivers.qemu.command_line import CONSOLE_LOG, SEED_FILE
from atoll.drivers.qemu.files import write_atomically
from atoll.drivers.qemu.process import open_own
from atoll.messages import GuestFacts, GuestSpec, Power

RECORD_FILE = "guest.json"
CONSOLE_BYTES_MAX = 1024 * 1024
CONSOLE_BYTES_KEPT = 512 * 1024


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The persistent state of a guest. `power` is RUNNING from before the start of the process.
    `spec` is the latest; the other fields are what a running guest has: `forwards` by MAC,
    `volumes`. `boot_id` is that of the machine at the start of the guest. `uid` is the user of
    its process; it stays the guest's until that is removed."""

    spec: GuestSpec
    boots: int = 0
    power: Power = Power.STOPPED
    pid: int | None = None
    start_ticks: int | None = None
    booted: bool = False
    ready: bool = False
    crashed: bool = False
    reason: str = ""
    ports: dict[str, str] = {}
    forwards: dict[str, tuple[str, ...]] = {}
    volumes: tuple[str, ...] = ()
    boot_id: str = ""
    asked_to_stop: bool = False
    uid: int | None = None

    def facts(self) -> GuestFacts:
        return GuestFacts(
            id=self.spec.id,
            power=self.power,
            boots=self.boots,
            booted=self.booted or self.ready,
            ready=self.ready,
            crashed=self.crashed,
            reason=self.reason,
            ports=self.ports if self.power is Power.RUNNING else {},
            volumes=self.volumes,
        )


class GuestFolder:
    """`owner` is the user of guests that have none of their own; None if that is the current
    user."""

    def __init__(self, path: Path, owner: int | None) -> None:
        self.path = path
        self.owner = owner

    def prepare(self, seed: bytes, uid: int | None = None) -> None:
        """Prepare the folder for a QEMU of this user, otherwise of the owner."""
        user = self.owner if uid is None else uid
        self.path.mkdir(parents=True, exist_ok=True)
        if user is None:
            self.path.chmod(0o700)
        else:
            os.chown(self.path, 0, user)
            self.path.chmod(0o1770)
            give_away(self.path / CONSOLE_LOG, user)
        write_atomically(self.path / SEED_FILE, seed)
        if user is not None:
            os.chown(self.path / SEED_FILE, 0, user)
            (self.path / SEED_FILE).chmod(0o640)

    def save(self, record: Record) -> None:
        content = msgspec.json.format(msgspec.json.encode(record), indent=1)
        write_atomically(self.path / RECORD_FILE, content)

    def load(self) -> Record | None:
        """Read the record; None if there is none, so no process was ever started."""
        path = self.path / RECORD_FILE
        try:
            return msgspec.json.decode(path.read_bytes(), type=Record)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise DriverRefused(
                f"{path} cannot be read ({error}): stop the guest's process and move its folder "
                "away"
            ) from error

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if self.path.exists():
            raise DriverUnavailable(f"the guest's folder {self.path} could not be deleted")

    def read_log(self, bytes_max: int) -> bytes:
        try:
            with open_own(self.path / CONSOLE_LOG, os.O_RDONLY) as descriptor:
                return tail(descriptor, bytes_max)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise DriverUnavailable(f"the console's log cannot be read: {error}") from error

    def trim_log(self) -> None:
        """Truncate a long log to its tail. QEMU opens it for append, so this is safe; output at
        that moment may be lost."""
        try:
            with open_own(self.path / CONSOLE_LOG, os.O_RDWR | os.O_APPEND) as descriptor:
                if os.fstat(descriptor).st_size > CONSOLE_BYTES_MAX:
                    kept = tail(descriptor, CONSOLE_BYTES_KEPT)
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, kept)
        except FileNotFoundError:
            return
        except OSError as error:
            raise DriverUnavailable(f"the console's log cannot be truncated: {error}") from error


def give_away(log: Path, user: int) -> None:
    """Give the log of an earlier QEMU to the user of the next one. What is not just a file of this
    folder was put there by a guest, and is deleted."""
    try:
        with open_own(log, os.O_RDONLY) as descriptor:
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                os.fchown(descriptor, user, user)
                return
    except FileNotFoundError:
        return
    except OSError:  # a link, a socket
        pass
    log.unlink()


def tail(descriptor: int, bytes_max: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return b""
    return os.pread(descriptor, bytes_max, max(0, status.st_size - bytes_max))
