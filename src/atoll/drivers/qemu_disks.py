"""The volumes of a host: overlays on read-only images, and what room there is for more.

Called by `qemu.QemuDriver`. A volume is `<state>/volumes/<id>/disk.qcow2` with `volume.json`
beside it; the latter is written last, so a folder without it is half made and made again. It never
lets qemu-img guess a format, and never shrinks a volume.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.domain.ids import bits_of
from atoll.drivers.qemu_process import find_program
from atoll.messages import ImageFacts, ImageSpec, VolumeSpec

DISK_FILE = "disk.qcow2"
RECORD_FILE = "volume.json"
QEMU_IMG_S = 60.0
GIB = 1024**3


class ImageBoot(Protocol):
    """What the image store says of an image: its disk, and the kernel to start it with."""

    @property
    def disk(self) -> Path: ...
    @property
    def kernel(self) -> Path | None: ...
    @property
    def initrd(self) -> Path | None: ...
    @property
    def cmdline(self) -> str | None: ...


class Images(Protocol):
    """The images of this host. `ensure` raises DriverBusy while one is on its way."""

    async def ensure(self, image: ImageSpec) -> ImageFacts: ...

    async def remove(self, image_id: str) -> None: ...

    def boot_of(self, image_id: str) -> ImageBoot: ...


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """`base`: the image's disk, relative to the state directory, where there is one."""

    id: str
    size_gib: int
    image_id: str | None = None
    base: str | None = None


class Volumes:
    """All volumes below one state directory. `owner` is the user that QEMU runs as."""

    def __init__(self, state_dir: Path, owner: int | None) -> None:
        self._state_dir = state_dir
        self._root = state_dir / "volumes"
        self._owner = owner

    def folder_of(self, volume_id: str) -> Path:
        require_id(volume_id)
        return self._root / volume_id

    def disk_of(self, volume_id: str) -> Path:
        return self.folder_of(volume_id) / DISK_FILE

    def find(self, volume_id: str) -> Volume | None:
        try:
            record = (self.folder_of(volume_id) / RECORD_FILE).read_bytes()
        except FileNotFoundError:
            return None
        return msgspec.json.decode(record, type=Volume)

    def all(self) -> Iterator[Volume]:
        for record in self._root.glob(f"*/{RECORD_FILE}"):
            yield msgspec.json.decode(record.read_bytes(), type=Volume)

    def ensure(self, spec: VolumeSpec, base: Path | None, base_bytes: int) -> None:
        """Makes it, or lets it grow to the size asked for."""
        if spec.size_gib * GIB < base_bytes:
            raise DriverRefused(
                f"volume {spec.id} shall have {spec.size_gib} GiB, but its image has "
                f"{-(-base_bytes // GIB)} GiB: ask for at least that"
            )
        known = self.find(spec.id)
        if known is None:
            self._create(spec, base)
        elif known.size_gib < spec.size_gib:
            run_qemu_img(["resize", "-f", "qcow2", DISK_FILE, size(spec)], self.folder_of(spec.id))
            self._record(msgspec.structs.replace(known, size_gib=spec.size_gib))

    def _create(self, spec: VolumeSpec, base: Path | None) -> None:
        folder = self.folder_of(spec.id)
        folder.mkdir(parents=True, exist_ok=True)
        command = ["create", "-q", "-f", "qcow2"]
        if base is not None:
            command += ["-F", "qcow2", "-b", os.path.relpath(base, folder)]
        run_qemu_img([*command, DISK_FILE, size(spec)], folder)
        self._hand_over(folder)
        self._record(
            Volume(
                id=spec.id,
                size_gib=spec.size_gib,
                image_id=spec.image.id if spec.image else None,
                base=os.path.relpath(base, self._state_dir) if base else None,
            )
        )

    def _hand_over(self, folder: Path) -> None:
        """The disk to QEMU's user, the folder and the record to nobody but us."""
        (folder / DISK_FILE).chmod(0o600)
        folder.chmod(0o711)
        if self._owner is not None:
            os.chown(folder / DISK_FILE, self._owner, self._owner)

    def _record(self, volume: Volume) -> None:
        write_atomically(self.folder_of(volume.id) / RECORD_FILE, msgspec.json.encode(volume))

    def remove(self, volume_id: str) -> None:
        """The record first: what is left after a crash is then half made, not a broken volume."""
        folder = self.folder_of(volume_id)
        (folder / RECORD_FILE).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            raise DriverUnavailable(f"volume {volume_id} could not be deleted from {folder}")

    def allocated_bytes(self) -> int:
        """What the volumes take on the disk by now."""
        return sum(disk.stat().st_blocks * 512 for disk in self._root.glob(f"*/{DISK_FILE}"))


async def ensure_volume(volumes: Volumes, images: Images, spec: VolumeSpec) -> None:
    """With its image, for which it may raise DriverBusy."""
    require_id(spec.id)
    if spec.image is None:
        await asyncio.to_thread(volumes.ensure, spec, None, 0)
        return
    facts = await images.ensure(spec.image)
    disk = images.boot_of(spec.image.id).disk
    await asyncio.to_thread(volumes.ensure, spec, disk, facts.virtual_size_bytes)


def require_id(thing_id: str) -> None:
    """Ids become names of folders: whatever is not one of ours does not get that far."""
    try:
        bits_of(thing_id)
    except ValueError as error:
        raise DriverRefused(str(error)) from error
    if not thing_id.replace("-", "").isalnum():
        raise DriverRefused(f"{thing_id!r} is not an id")


def size(spec: VolumeSpec) -> str:
    return f"{spec.size_gib}G"


def run_qemu_img(arguments: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            [find_program("qemu-img"), *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=QEMU_IMG_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DriverUnavailable(
            f"qemu-img {arguments[0]} was not through after {QEMU_IMG_S:g} s in {folder}"
        ) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise DriverUnavailable(f"qemu-img {arguments[0]} failed in {folder}: {said}")


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Whoever reads sees the old file or the new one, also after a crash."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    part.rename(path)
