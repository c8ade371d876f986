"""Imports and the disk of the host: what they never take, and how many there are at once."""

import asyncio
import errno
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from atoll.domain.errors import DriverBusy, DriverRefused
from atoll.domain.images import ImageSource, SourceKind
from atoll.drivers.disk_room import DiskRoom
from atoll.drivers.images.checksums import Expected
from atoll.drivers.images.convert import Converter, ConvertLimits
from atoll.drivers.images.fetch import OnBytes
from atoll.drivers.images.sources import IMPORTS_AT_ONCE
from atoll.messages import ImageSpec
from tests.drivers.images.conftest import Host, ensure, image

pytestmark = pytest.mark.anyio
MIB = 2**20
FULL = "the host's disk is full"


class SmallDisk(DiskRoom):
    """A disk for the folder alone, with so many MiB besides the reserve; and the least that ever
    was free of them."""

    def __init__(self, folder: Path, mib: int) -> None:
        super().__init__(folder, 0)
        self._folder, self._bytes = folder, mib * MIB
        self.least_bytes = self._bytes

    def spare_bytes(self) -> int:
        taken = sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())
        self.least_bytes = min(self.least_bytes, self._bytes - taken)
        return self._bytes - taken


class GrowingTenant(DiskRoom):
    """A disk that others fill as soon as it was looked at."""

    def __init__(self) -> None:
        super().__init__(Path("/"), 0)
        self._left = [MIB]

    def spare_bytes(self) -> int:
        return self._left.pop() if self._left else -1


def put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


class Fetching:
    """Instead of the network: downloads that last until they are let go, or fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.going_on: set[str] = set()
        self.most = 0
        self.let_go = asyncio.Event()
        self._error = error

    async def fetch(self, url: str, target: Path, expected: Expected, on_bytes: OnBytes) -> None:
        if self._error is not None:
            raise self._error
        self.going_on.add(url)
        self.most = max(self.most, len(self.going_on))
        await self.let_go.wait()
        self.going_on.remove(url)
        put(target, b"no image")


def on_small_disk(host: Host, mib: int) -> SmallDisk:
    folder = host.folder / "state" / "images"
    folder.mkdir(parents=True)
    host.room = disk = SmallDisk(folder, mib)
    return disk


def file_of(host: Host, name: str, mib: int) -> Path:
    path = host.imports / name
    path.write_bytes(b"atoll123" * (mib * MIB // 8))
    return path


def pack(path: Path) -> Path:
    packed = path.with_name(f"{path.name}.zst")
    subprocess.run(["zstd", "-q", path, "-o", packed], check=True)
    return packed


async def refusal(host: Host, location: Path) -> str:
    async with host.opened() as store:
        with pytest.raises(DriverRefused) as caught:
            await ensure(store, image(SourceKind.FILE, str(location)))
    assert host.left_over() == []
    return caught.value.message


async def test_a_file_that_does_not_fit_beside_the_reserve_is_refused_before_it_is_copied(
    host: Host,
) -> None:
    disk = on_small_disk(host, 4)
    assert FULL in await refusal(host, file_of(host, "disk.raw", 6))
    assert disk.least_bytes >= 2 * MIB, "its size was known from the start"


async def test_what_grows_beyond_the_reserve_as_it_is_unpacked_is_stopped_there(
    host: Host,
) -> None:
    disk = on_small_disk(host, 3)
    packed = pack(file_of(host, "disk.raw", 64))
    assert packed.stat().st_size < MIB
    assert FULL in await refusal(host, packed)
    assert disk.least_bytes >= 0


async def test_what_grows_beyond_the_reserve_as_it_is_converted_is_stopped_there(
    host: Host,
) -> None:
    disk = on_small_disk(host, 9)
    assert FULL in await refusal(host, file_of(host, "disk.raw", 6))
    assert disk.least_bytes >= 0


async def test_a_program_is_ended_when_others_take_the_space_that_it_was_given(
    tmp_path: Path,
) -> None:
    converter = Converter(ConvertLimits(cpu_s=60, total_s=60), GrowingTenant(), uid=None)
    started = time.monotonic()
    with pytest.raises(DriverRefused, match=FULL):
        await converter._run(tmp_path, MIB, "sleep", "60")
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
async def test_a_disk_that_is_full_all_the_same_is_not_tried_again(
    host: Host, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_fetcher", Fetching(OSError(code, "no more")))
    async with host.opened() as store:
        with pytest.raises(DriverRefused, match="no more"):
            await ensure(store, image(SourceKind.URL, "http://images.example/a.qcow2"))
    assert host.left_over() == []


async def test_only_so_many_images_are_imported_at_once_and_the_others_wait(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching = Fetching()
    monkeypatch.setattr(host, "_fetcher", fetching)
    async with host.opened() as store:
        specs = [numbered(number) for number in range(IMPORTS_AT_ONCE + 3)]
        words = await asyncio.gather(*(said_of(lambda s=spec: store.ensure(s)) for spec in specs))
        assert fetching.most == IMPORTS_AT_ONCE
        waiting = [said for said in words if "waiting until one of 4 imports is done" in said]
        assert len(waiting) == 3
        fetching.let_go.set()
        for spec in specs:
            with pytest.raises(DriverRefused, match="the image is refused"):
                await ensure(store, spec)
    assert fetching.most == IMPORTS_AT_ONCE


def numbered(number: int) -> ImageSpec:
    source = ImageSource(kind=SourceKind.URL, location=f"http://images.example/{number}.qcow2")
    return ImageSpec(id=f"img-{number}", name=f"image {number}", source=source)


async def said_of(ensure_it: Callable[[], object]) -> str:
    with pytest.raises(DriverBusy) as caught:
        await ensure_it()  # type: ignore[misc]
    return caught.value.message
