"""Brings an image from its source into a work folder: a recipe, a URL, or a file of the host.

Called by the image store. An external disk is checked before qemu-img reads it, converted to our
own qcow2, and checked again; built images are only checked. An ISO is checked and kept
unchanged.
"""

import asyncio
import os
import shutil
from pathlib import Path

import msgspec

from atoll.domain.errors import DriverRefused
from atoll.domain.images import ImageKind, SourceKind
from atoll.drivers.disk_room import DiskRoom
from atoll.drivers.images.build import OnProgress
from atoll.drivers.images.cache import RecipeCache
from atoll.drivers.images.check import DiskFormat, check_image, declared_format, is_compressed
from atoll.drivers.images.checksums import Expected
from atoll.drivers.images.convert import Converter
from atoll.drivers.images.discs import check_disc
from atoll.drivers.images.fetch import Fetcher, OnBytes
from atoll.drivers.images.local_files import LocalFiles
from atoll.messages import ImageSpec

DISK, DISC, KERNEL, INITRD = "disk.qcow2", "disc.iso", "vmlinuz", "initrd.img"
ARRIVAL = "arrived"  # the original file, until it is converted
UNPACKED = "unpacked"  # the original file, if compressed
CONVERSION_PERCENT = 90.0
# Others wait. Recipes are not counted: what users import must not hold up the built-in images.
IMPORTS_AT_ONCE = 4


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """The files now in the folder: `disk.qcow2`, with `vmlinuz` and `initrd.img` for direct kernel
    boot, or `disc.iso`."""

    virtual_size_bytes: int
    cmdline: str | None = None


class Sources:
    def __init__(
        self,
        *,
        cache: RecipeCache,
        fetcher: Fetcher,
        files: LocalFiles,
        converter: Converter,
        room: DiskRoom,
        virtual_size_max_bytes: int,
    ) -> None:
        self._cache = cache
        self._fetcher = fetcher
        self._files = files
        self._converter = converter
        self._room = room
        self._turns = asyncio.Semaphore(IMPORTS_AT_ONCE)
        self._virtual_size_max_bytes = virtual_size_max_bytes

    async def bring(self, image: ImageSpec, folder: Path, on_progress: OnProgress) -> Arrived:
        source = image.source
        await asyncio.to_thread(self._room.require)
        if source.kind is SourceKind.RECIPE:
            if image.kind is ImageKind.ISO:
                raise DriverRefused(
                    "a recipe cannot build an ISO: import the ISO from a URL or a file"
                )
            return await self._from_recipe(source.location, folder, on_progress)
        if self._turns.locked():
            on_progress(0, f"{image.name}: waiting until one of {IMPORTS_AT_ONCE} imports is done")
        async with self._turns:
            return await self._import(image, folder, on_progress)

    async def _import(self, image: ImageSpec, folder: Path, on_progress: OnProgress) -> Arrived:
        source, expected = image.source, Expected(image.source.checksum)
        hear = in_bytes(image.name, on_progress, self._room)
        if source.kind is SourceKind.URL:
            await self._fetcher.fetch(source.location, folder / ARRIVAL, expected, hear)
        else:
            await asyncio.to_thread(
                self._files.copy, source.location, folder / ARRIVAL, expected, hear
            )
        if image.kind is ImageKind.ISO:
            return await asyncio.to_thread(self._take_in_disc, folder)
        on_progress(CONVERSION_PERCENT, f"{image.name}: checking and converting")
        return await self._take_in(source.location, folder)

    def _take_in_disc(self, folder: Path) -> Arrived:
        arrival = folder / ARRIVAL
        size_bytes = check_disc(arrival, size_max_bytes=self._virtual_size_max_bytes)
        arrival.rename(folder / DISC)
        return Arrived(virtual_size_bytes=size_bytes)

    async def _from_recipe(self, name: str, folder: Path, on_progress: OnProgress) -> Arrived:
        built, description = await self._cache.ensure(name, on_progress)
        names = {DISK: description.disk, KERNEL: description.kernel, INITRD: description.initrd}
        for target, source in names.items():
            if source is not None:
                await asyncio.to_thread(link_or_copy, built / source, folder / target)
        found = await asyncio.to_thread(
            check_image,
            folder / DISK,
            declared=DiskFormat.QCOW2,
            virtual_size_max_bytes=self._virtual_size_max_bytes,
        )
        return Arrived(virtual_size_bytes=found.virtual_size_bytes, cmdline=description.cmdline)

    async def _take_in(self, location: str, folder: Path) -> Arrived:
        name = await self._unpacked(folder)
        arrival = folder / name
        found = await asyncio.to_thread(
            check_image,
            arrival,
            declared=declared_format(location.partition("?")[0]),
            virtual_size_max_bytes=self._virtual_size_max_bytes,
        )
        await self._converter.convert(folder, name, DISK, found.format, found.virtual_size_bytes)
        await asyncio.to_thread(arrival.unlink)
        kept = await asyncio.to_thread(
            check_image,
            folder / DISK,
            declared=DiskFormat.QCOW2,
            virtual_size_max_bytes=self._virtual_size_max_bytes,
        )
        if kept.virtual_size_bytes != found.virtual_size_bytes:
            raise DriverRefused("the image is damaged: its size changed during the conversion")
        return Arrived(virtual_size_bytes=kept.virtual_size_bytes)

    async def _unpacked(self, folder: Path) -> str:
        """Decompress if needed; return the name of the disk in the folder."""
        if not await asyncio.to_thread(is_compressed, folder / ARRIVAL):
            return ARRIVAL
        largest = self._virtual_size_max_bytes
        await self._converter.decompress(folder, ARRIVAL, UNPACKED, largest)
        await asyncio.to_thread((folder / ARRIVAL).unlink)
        return UNPACKED


def in_bytes(name: str, on_progress: OnProgress, room: DiskRoom) -> OnBytes:
    """Convert a count of bytes to percent; without a total, report the message only. It ends the
    import, by an error, before that takes the reserve of the disk."""

    def hear(done: int, total: int | None) -> None:
        room.require((total or 0) - done)
        percent = CONVERSION_PERCENT * min(done / total, 1.0) if total else 0.0
        on_progress(percent, f"{name}: {done >> 20} MiB fetched")

    return hear


def link_or_copy(source: Path, target: Path) -> None:
    """Link if possible: both files are read-only, so stores can share an inode."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
