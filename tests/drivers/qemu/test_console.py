"""The consoles of a guest whose QEMU is this test: its sockets, and what it draws."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.drivers.qemu import console
from atoll.drivers.qemu.command_line import SERIAL_SOCKET, VNC_SOCKET
from atoll.drivers.qemu.console import PNG, SCREEN_FILE, UNREAD_BYTES_MAX, Consoles, take_picture
from atoll.drivers.qemu.guest import Guest
from atoll.drivers.qemu.record import GuestFolder, Record
from atoll.messages import Console, GuestSpec, NicSpec, SeedSpec
from atoll.ports import Stream
from atoll.system import SystemClock

pytestmark = pytest.mark.anyio
SPEC = GuestSpec(
    id="inst-1",
    name="web",
    vcpus=1,
    memory_mib=128,
    root_volume_id="vol-1",
    image_id="img-1",
    nic=NicSpec(mac="52:54:00:00:00:01", private_ip="10.0.0.4", subnet_cidr="10.0.0.0/24"),
    seed=SeedSpec(hostname="web"),
)
FEW = 0.05


class Qemu:
    """One of QEMU's sockets: it serves one connection at a time, as QEMU's serial port does."""

    def __init__(self) -> None:
        self.connections = 0
        self.heard = bytearray()
        self.changed = asyncio.Event()
        self.writer: asyncio.StreamWriter | None = None

    async def listen(self, path: Path) -> asyncio.Server:
        return await asyncio.start_unix_server(self._serve, path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writer = writer
        self.changed.set()
        while data := await reader.read(65536):
            self.heard += data
            self.changed.set()
        self.writer = None
        writer.close()
        self.changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    async def say(self, data: bytes) -> None:
        await self.until(lambda: self.writer is not None)
        assert self.writer is not None
        self.writer.write(data)
        await self.writer.drain()

    async def end(self) -> None:
        await self.until(lambda: self.writer is not None)
        assert self.writer is not None
        self.writer.close()


def guest_of(folder: Path, pid: int | None) -> Guest:
    record = Record(spec=SPEC, pid=pid)
    return Guest(GuestFolder(folder, None), record, SystemClock(), lambda facts: None)


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    return guest_of(tmp_path, os.getpid())


@pytest.fixture
async def consoles() -> AsyncIterator[Consoles]:
    built = Consoles()
    yield built
    await built.close()


@pytest.fixture
async def qemu(tmp_path: Path) -> AsyncIterator[Qemu]:
    built = Qemu()
    serial = await built.listen(tmp_path / SERIAL_SOCKET)
    vnc = await built.listen(tmp_path / VNC_SOCKET)
    yield built
    serial.close()
    vnc.close()


async def heard(stream: Stream, size: int) -> bytes:
    data = b""
    async with asyncio.timeout(10):
        while len(data) < size:
            piece = await stream.receive()
            assert piece, f"it ended after {data!r}"
            data += piece
    return data


async def test_all_who_look_at_a_serial_port_share_one_connection(
    consoles: Consoles, guest: Guest, qemu: Qemu
) -> None:
    one, two = [await consoles.open(guest, Console.SERIAL) for _ in range(2)]
    await qemu.say(b"login: ")
    assert [await heard(view, 7) for view in (one, two)] == [b"login: "] * 2
    await one.send(b"ro")
    await two.send(b"ot")
    await qemu.until(lambda: bytes(qemu.heard) == b"root")
    assert qemu.connections == 1


async def test_the_connection_ends_with_the_last_of_those_who_look(
    consoles: Consoles, guest: Guest, qemu: Qemu
) -> None:
    one, two = [await consoles.open(guest, Console.SERIAL) for _ in range(2)]
    await qemu.say(b"a")
    await one.close()
    await qemu.say(b"b")
    assert await heard(two, 2) == b"ab"
    await two.close()
    await qemu.until(lambda: qemu.writer is None)
    three = await consoles.open(guest, Console.SERIAL)
    await qemu.say(b"c")
    assert await heard(three, 1) == b"c"
    assert qemu.connections == 2


async def test_the_end_of_the_guest_is_noticed_by_all_after_its_last_words(
    consoles: Consoles, guest: Guest, qemu: Qemu
) -> None:
    views = [await consoles.open(guest, Console.SERIAL) for _ in range(2)]
    await qemu.say(b"Power down")
    await qemu.end()
    for view in views:
        assert await heard(view, 10) == b"Power down"
        assert await view.receive() == b""
        with pytest.raises(DriverUnavailable, match="closed"):
            await view.send(b"x")


async def test_whoever_does_not_read_is_let_go_and_the_others_go_on(
    consoles: Consoles, guest: Guest, qemu: Qemu, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "SLOW_S", FEW)
    slow, quick = [await consoles.open(guest, Console.SERIAL) for _ in range(2)]
    much = bytes(2 * UNREAD_BYTES_MAX)
    saying = asyncio.create_task(qemu.say(much))
    assert await heard(quick, len(much)) == much
    await saying
    kept = 0
    async with asyncio.timeout(10):
        while piece := await slow.receive():
            kept += len(piece)
    assert UNREAD_BYTES_MAX <= kept < len(much)
    await qemu.say(b"!")
    assert await heard(quick, 1) == b"!"


async def test_each_viewer_of_the_screen_has_a_connection_of_its_own(
    consoles: Consoles, guest: Guest, qemu: Qemu
) -> None:
    one, two = [await consoles.open(guest, Console.VNC) for _ in range(2)]
    await qemu.until(lambda: qemu.connections == 2)
    await one.send(b"RFB 003.008\n")
    await qemu.until(lambda: len(qemu.heard) == 12)
    await one.close()
    with pytest.raises(DriverUnavailable):
        await one.send(b"x")
    await two.close()


async def test_a_driver_that_lets_go_closes_every_console(
    consoles: Consoles, guest: Guest, qemu: Qemu
) -> None:
    streams = [await consoles.open(guest, kind) for kind in (Console.SERIAL, Console.VNC)]
    await qemu.until(lambda: qemu.connections == 2)
    await consoles.close()
    assert [await stream.receive() for stream in streams] == [b"", b""]


async def test_a_guest_of_an_earlier_version_says_what_to_do(
    consoles: Consoles, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "CONNECT_S", FEW)
    with pytest.raises(DriverRefused, match="stop it and start it again"):
        await consoles.open(guest, Console.SERIAL)


async def test_a_socket_that_another_process_listens_at_is_not_used(
    consoles: Consoles, qemu: Qemu, tmp_path: Path
) -> None:
    stranger = guest_of(tmp_path, os.getppid())
    with pytest.raises(DriverUnavailable, match=r"another process listens on .* serial\.sock"):
        await consoles.open(stranger, Console.SERIAL)


def test_a_picture_is_read_once_and_deleted(tmp_path: Path) -> None:
    path = tmp_path / SCREEN_FILE
    path.write_bytes(PNG + b"picture")
    assert take_picture(path) == PNG + b"picture"
    assert not path.exists()


def test_a_picture_that_is_a_link_to_something_else_is_not_read(tmp_path: Path) -> None:
    path, secret = tmp_path / SCREEN_FILE, tmp_path / "secret"
    secret.write_bytes(PNG + b"secret")
    path.symlink_to(secret)
    with pytest.raises(DriverUnavailable, match="cannot be read"):
        take_picture(path)
    os.link(secret, path)
    with pytest.raises(DriverUnavailable, match="not a regular file"):
        take_picture(path)
    os.mkfifo(path)
    with pytest.raises(DriverUnavailable, match="not a regular file"):
        take_picture(path)
    assert secret.exists()
    assert not path.exists()


def test_what_is_no_picture_is_not_handed_out(tmp_path: Path) -> None:
    path = tmp_path / SCREEN_FILE
    path.write_bytes(b"root:x:0:0")
    with pytest.raises(DriverUnavailable, match="did not write a screenshot"):
        take_picture(path)
