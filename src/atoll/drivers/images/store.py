"""The images of a host, below one directory: `<root>/<image-id>/{disk.qcow2,…,facts.json}`, or
`disc.iso` in the disk's place.

Called by the QEMU driver. An image appears atomically, by renaming a finished folder, and is
read-only from then on, because the disks of guests are overlays on it. Never call `remove` for an
image that a volume still depends on. Only one process uses a root at a time.
"""

import asyncio
import os
import re
import shutil
import tempfile
from pathlib import Path

import msgspec

from atoll.domain.errors import DriverBusy, DriverError, DriverRefused, DriverUnavailable
from atoll.drivers.disk_room import is_full
from atoll.drivers.images.checksums import checksum_of, digest_of
from atoll.drivers.images.sources import DISC, DISK, INITRD, KERNEL, Arrived, Sources
from atoll.messages import ImageFacts, ImageSpec

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
WORK_PREFIX = ".work-"
FACTS = "facts.json"
GRACE_S = 0.2  # images that are only copied are complete by then
ASK_AGAIN_S = 1.0


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """The boot files of an image. Without a kernel, a guest boots from the disk or the ISO
    itself."""

    disk: Path
    kernel: Path | None = None
    initrd: Path | None = None
    cmdline: str | None = None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """`facts.json`."""

    facts: ImageFacts
    cmdline: str | None = None


class Arrival:
    """An image in preparation: its task and its progress."""

    def __init__(self) -> None:
        self.percent = 0.0
        self.words = "waiting"
        self.task: asyncio.Task[ImageFacts] | None = None

    def on_progress(self, percent: float, words: str) -> None:
        self.percent, self.words = percent, words


class ImageStore:
    """`group` is the one that QEMU has if we are root. Nobody else may enter the folders: what a
    member imported is not for every local user. (The files may be those of the cache.)"""

    def __init__(self, root: Path, sources: Sources, *, group: int | None = None) -> None:
        self._root = root
        self._sources = sources
        self._group = group
        self._arrivals: dict[str, Arrival] = {}
        self._verified: dict[str, Kept] = {}

    async def open(self) -> None:
        """Remove the unfinished work of a crashed process, and close what an earlier version left
        open to all."""
        self._root.mkdir(parents=True, exist_ok=True)
        for left_over in self._root.glob(f"{WORK_PREFIX}*"):
            await asyncio.to_thread(shutil.rmtree, left_over, ignore_errors=True)
        for folder in (self._root, *self._root.iterdir()):
            close_to_others(folder, self._group)

    async def close(self) -> None:
        """Cancel preparations; the next `ensure` restarts them."""
        for image_id in list(self._arrivals):
            await self._cancel(image_id)

    async def ensure(self, image: ImageSpec) -> ImageFacts:
        """Raise DriverBusy, with the percentage, until the image is ready. A failure is raised
        once; the next call starts again."""
        folder = self._folder(image.id)
        arrival = self._arrivals.get(image.id)
        if arrival is None:
            if folder.exists():
                return (await self._verify(image.id)).facts
            arrival = self._arrivals[image.id] = Arrival()
            arrival.task = asyncio.create_task(self._bring(image, arrival))
        assert arrival.task is not None, "an arrival is known only once it has a task"
        await asyncio.wait({arrival.task}, timeout=GRACE_S)
        if not arrival.task.done():
            raise DriverBusy(arrival.words, after_s=ASK_AGAIN_S, percent=arrival.percent)
        if self._arrivals.get(image.id) is arrival:
            del self._arrivals[image.id]
        if arrival.task.cancelled():
            raise DriverUnavailable(f"the import of image {image.name} was interrupted: retry")
        return arrival.task.result()

    async def remove(self, image_id: str) -> None:
        folder = self._folder(image_id)
        await self._cancel(image_id)
        self._verified.pop(image_id, None)
        if folder.exists():
            doomed = self._make_work_folder()
            folder.rename(doomed / image_id)  # hidden at once, because the deletion can take long
            await asyncio.to_thread(shutil.rmtree, doomed, ignore_errors=True)

    def boot_of(self, image_id: str) -> Boot:
        folder = self._folder(image_id)
        kept = self._verified.get(image_id) or read_kept(folder)
        return Boot(
            disk=bytes_in(folder),
            kernel=existing(folder / KERNEL),
            initrd=existing(folder / INITRD),
            cmdline=kept.cmdline,
        )

    def _folder(self, image_id: str) -> Path:
        if not ID.fullmatch(image_id):
            raise DriverRefused(f"{image_id!r} is not the id of an image")
        return self._root / image_id

    def _make_work_folder(self) -> Path:
        return Path(tempfile.mkdtemp(prefix=WORK_PREFIX, dir=self._root))

    async def _cancel(self, image_id: str) -> None:
        arrival = self._arrivals.pop(image_id, None)
        if arrival is not None and arrival.task is not None:
            arrival.task.cancel()
            await asyncio.wait({arrival.task})

    async def _bring(self, image: ImageSpec, arrival: Arrival) -> ImageFacts:
        try:
            return await self._bring_into_work_folder(image, arrival)
        except DriverError:
            raise
        except OSError as error:
            words = f"image {image.name} cannot be stored: {error}"
            if is_full(error):  # again and again, an import would only fill it again
                raise DriverRefused(words) from error
            raise DriverUnavailable(words) from error

    async def _bring_into_work_folder(self, image: ImageSpec, arrival: Arrival) -> ImageFacts:
        work = self._make_work_folder()
        try:
            arrived = await self._sources.bring(image, work, arrival.on_progress)
            kept = await asyncio.to_thread(seal, image.id, work, arrived)
            close_to_others(work, self._group)
            work.rename(self._folder(image.id))
        finally:
            # No await: a cancelled task cannot await, and must leave nothing behind.
            shutil.rmtree(work, ignore_errors=True)
        self._verified[image.id] = kept
        return kept.facts

    async def _verify(self, image_id: str) -> Kept:
        """Compare the disk with its recorded checksum, once per process."""
        if image_id not in self._verified:
            folder = self._folder(image_id)
            kept = read_kept(folder)
            found = await asyncio.to_thread(checksum_if_any, bytes_in(folder))
            if found != kept.facts.checksum:
                raise DriverRefused(
                    f"the host's copy of image {image_id} is damaged: its checksum has changed. "
                    "Delete the image and the instances made from it, then add it again"
                )
            self._verified[image_id] = kept
        return self._verified[image_id]


def seal(image_id: str, work: Path, arrived: Arrived) -> Kept:
    disk = bytes_in(work)
    algorithms = ("md5", "sha512") if disk.name == DISC else ()
    kept = Kept(
        facts=ImageFacts(
            id=image_id,
            size_bytes=disk.stat().st_size,
            virtual_size_bytes=arrived.virtual_size_bytes,
            checksum=checksum_of(disk),
            digests={name: digest_of(disk, name) for name in algorithms},
        ),
        cmdline=arrived.cmdline,
    )
    (work / FACTS).write_bytes(msgspec.json.encode(kept))
    for path in work.iterdir():
        path.chmod(0o444)
    return kept


def close_to_others(folder: Path, group: int | None) -> None:
    """Let only us in, and the group."""
    if group is not None:
        os.chown(folder, -1, group)
    folder.chmod(0o700 if group is None else 0o750)


def bytes_in(folder: Path) -> Path:
    return existing(folder / DISC) or folder / DISK


def checksum_if_any(disk: Path) -> str | None:
    try:
        return checksum_of(disk)
    except OSError:
        return None


def read_kept(folder: Path) -> Kept:
    try:
        return msgspec.json.decode((folder / FACTS).read_bytes(), type=Kept)
    except FileNotFoundError as error:
        raise DriverRefused(
            f"image {folder.name} is not on this host: ensure the image first"
        ) from error
    except (OSError, msgspec.DecodeError) as error:
        raise DriverRefused(
            f"the host's record of image {folder.name} cannot be read: {error}"
        ) from error


def existing(path: Path) -> Path | None:
    return path if path.exists() else None
