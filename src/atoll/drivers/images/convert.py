"""Runs qemu-img on checked images: finds damage, and writes the qcow2 that the host keeps. Before
that, decompresses images with zstd.

Called by the image store; qemu-img only after check.py has accepted the file. Both programs parse
untrusted data, so they run with limits of memory, time and file size, and as an unprivileged user
if we are root; qemu-img always gets an explicit format. File names are relative to the folder, so
the programs need no access to the folders above.
"""

import asyncio
import os
import signal
from pathlib import Path

import msgspec

from atoll.domain.errors import DriverRefused
from atoll.drivers.disk_room import FULL, DiskRoom
from atoll.drivers.images.check import DiskFormat
from atoll.drivers.processes import ProcessError, run_bounded

MEMORY_BYTES_MAX = 2 << 30
CONVERSIONS_AT_ONCE = 2
LOOK_S = 0.2  # so long, a program may go on while others take the space that it was given
SLACK_BYTES = 256 << 20  # tables of qcow2 in addition to the data
NOT_FOUND = 127  # exit code of prlimit and setpriv if the program is missing
FILE_TOO_LARGE = -signal.SIGXFSZ
CHECK_LEAKS_ONLY = 3  # exit code of qemu-img: leaked clusters, data intact


PACKAGES = {"qemu-img": "qemu-utils", "zstd": "zstd"}


class ConvertLimits(msgspec.Struct, frozen=True, kw_only=True):
    cpu_s: int = 3600
    total_s: float = 2 * 3600


class Converter:
    """`uid` is the user of qemu-img; None means the current user. Nothing is written that would
    take the reserve of the disk."""

    def __init__(self, limits: ConvertLimits, room: DiskRoom, *, uid: int | None) -> None:
        self._limits = limits
        self._room = room
        self._turns = asyncio.Semaphore(CONVERSIONS_AT_ONCE)
        self._uid = uid

    async def decompress(self, folder: Path, source: str, target: str, bytes_max: int) -> None:
        """Decompress a file within the folder, up to the size limit."""
        if self._uid is not None:
            await asyncio.to_thread(give_away, folder, source, self._uid)
        try:
            await self._run(folder, bytes_max, "zstd", "-q", "-d", "-o", target, source)
        except ProcessError as failure:
            if failure.code == FILE_TOO_LARGE or "File too large" in failure.last_line:
                raise DriverRefused(
                    f"the image has more than {bytes_max} bytes when it is decompressed"
                ) from failure
            raise DriverRefused(
                f"the image is damaged or has another format: zstd: {failure.last_line}"
            ) from failure
        if self._uid is not None:
            await asyncio.to_thread(take_back, folder, target)

    async def convert(
        self, folder: Path, source: str, target: str, disk: DiskFormat, virtual_size_bytes: int
    ) -> None:
        """Convert a file within the folder to an uncompressed qcow2."""
        if self._uid is not None:
            await asyncio.to_thread(give_away, folder, source, self._uid)
        # The tables of a truncated qcow2 can point beyond its end, where convert would read
        # zeros. (Only checksums detect a truncation within the last cluster.)
        if disk is DiskFormat.QCOW2:
            await self._qemu_img(folder, 0, "check", "-q", "-f", disk, source)
        await self._qemu_img(
            folder,
            virtual_size_bytes + SLACK_BYTES,
            *("convert", "-f", disk, "-O", "qcow2", source, target),
        )
        if self._uid is not None:
            await asyncio.to_thread(take_back, folder, target)

    async def _qemu_img(self, folder: Path, bytes_max: int, command: str, *arguments: str) -> None:
        try:
            await self._run(folder, bytes_max, "qemu-img", command, *arguments)
        except ProcessError as failure:
            if command == "check" and failure.code == CHECK_LEAKS_ONLY:
                return
            raise DriverRefused(
                f"the image is damaged or has another format: qemu-img {command}: "
                f"{failure.last_line}"
            ) from failure

    async def _run(self, folder: Path, bytes_max: int, program: str, *arguments: str) -> None:
        """Run a program in its turn. Raises ProcessError if it fails."""
        try:
            async with self._turns:
                await self._run_within_room(folder, bytes_max, program, *arguments)
        except FileNotFoundError as error:
            raise DriverRefused(
                "prlimit and setpriv are required: apt-get install util-linux"
            ) from error
        except TimeoutError as error:
            raise DriverRefused(
                f"the image took more than {self._limits.total_s:.0f} s to convert: import a "
                "smaller one"
            ) from error
        except ProcessError as failure:
            if failure.code == NOT_FOUND:
                raise DriverRefused(
                    f"{program} is not installed: apt-get install {PACKAGES[program]}"
                ) from failure
            raise

    async def _run_within_room(
        self, folder: Path, bytes_max: int, program: str, *arguments: str
    ) -> None:
        """Bound the file by what is free now, and end the program when others have taken that."""
        spare_bytes = await asyncio.to_thread(self._room.spare_bytes)
        if bytes_max and spare_bytes <= 0:
            raise self._room.refusal()
        command = [*self._prefix(min(bytes_max, max(0, spare_bytes))), program, *arguments]
        running = asyncio.create_task(
            run_bounded(command, folder=folder, timeout_s=self._limits.total_s)
        )
        try:
            while not running.done():
                await asyncio.wait({running}, timeout=LOOK_S)
                if bytes_max and not running.done():
                    await asyncio.to_thread(self._room.require)
            running.result()
        except ProcessError as failure:
            too_large = failure.code == FILE_TOO_LARGE or "File too large" in failure.last_line
            if (too_large and spare_bytes < bytes_max) or says_full(failure):
                raise self._room.refusal() from failure
            raise
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def _prefix(self, bytes_max: int) -> list[str]:
        limits = [
            "prlimit",
            f"--as={MEMORY_BYTES_MAX}",
            f"--cpu={self._limits.cpu_s}",
            f"--fsize={bytes_max}",
            "--core=0",
            "--",
        ]
        if self._uid is None:
            return limits
        identity = [f"--reuid={self._uid}", f"--regid={self._uid}", "--clear-groups"]
        return [*limits, "setpriv", *identity, "--no-new-privs", "--"]


def says_full(failure: ProcessError) -> bool:
    """Whether a program failed because of a full disk: only its words tell."""
    return any(os.strerror(code) in failure.last_line for code in FULL)


def give_away(folder: Path, source: str, uid: int) -> None:
    os.chown(folder, uid, uid)
    os.chown(folder / source, uid, uid)


def take_back(folder: Path, target: str) -> None:
    """Change the owner back, so that the unprivileged user cannot change the file later."""
    os.chown(folder, os.geteuid(), os.getegid())
    os.chown(folder / target, os.geteuid(), os.getegid())
