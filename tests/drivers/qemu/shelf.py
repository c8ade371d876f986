"""The disks of a host without its guests: volumes and snapshots made by the real qemu-img."""

import asyncio
from pathlib import Path
from typing import Any

from atoll.domain import ids
from atoll.domain.images import ImageSource, SourceKind
from atoll.drivers.qemu.layers import GIB, Layers
from atoll.drivers.qemu.volumes import Volumes
from atoll.messages import ImageFacts, ImageSpec, VolumeSpec
from tests.contract.drivers import TOOLS, Boot, new_id
from tests.drivers.qemu.disk_files import KIB, content, qemu_img, write_pattern

IMAGE = ImageSpec(
    id=new_id(ids.IMAGE),
    name="mini",
    source=ImageSource(kind=SourceKind.RECIPE, location="mini"),
)


class OneImage:
    """An image store with a disk of one GiB."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk

    async def ensure(self, image: ImageSpec) -> ImageFacts:
        return ImageFacts(id=image.id, size_bytes=1, virtual_size_bytes=GIB, checksum="sha256:0")

    async def remove(self, image_id: str) -> None:
        self._disk.unlink()

    def boot_of(self, image_id: str) -> Boot:
        return Boot(disk=self._disk, kernel=None, initrd=None, cmdline=None)


class Shelf:
    """The disks of a host, without its guests."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.base = state / "images" / IMAGE.id / "disk.qcow2"
        self.base.parent.mkdir(parents=True, exist_ok=True)
        state.chmod(0o755)
        if not self.base.exists():
            qemu_img("create", "-q", "-f", "qcow2", self.base, "1G")
            write_pattern(self.base, 1, at_kib=512)
        self.reopen()

    def reopen(self) -> None:
        """As after the death of our process."""
        self.layers = Layers(self.state, TOOLS)
        self.disks = Volumes(self.layers, OneImage(self.base))
        self.layers.prepare()
        for volume in list(self.layers.volumes()):
            asyncio.run(self.disks.settle(volume.id, None))
        self.layers.tidy()

    def new_volume(self, **changes: Any) -> str:
        spec = VolumeSpec(**{"id": new_id(ids.VOLUME), "size_gib": 2, "image": IMAGE} | changes)
        asyncio.run(self.disks.ensure_volume(spec, None))
        return spec.id

    def snapshot(self, volume_id: str, snapshot_id: str | None = None) -> str:
        snapshot_id = snapshot_id or new_id(ids.SNAPSHOT)
        asyncio.run(self.disks.ensure_snapshot(snapshot_id, volume_id, None))
        return snapshot_id

    def disk_of(self, volume_id: str) -> Path:
        return self.layers.disk_of(self.layers.get_volume(volume_id).layer)

    def content_of(self, volume_id: str) -> bytes:
        """The first bytes of each of eight blocks, as many as tests write to."""
        whole = content(self.disk_of(volume_id), 8 * 64 * KIB)
        return bytes(whole[number * 64 * KIB] for number in range(8))

    def files(self) -> list[str]:
        folders = ("volumes", "snapshots", "layers")
        return [path.name for name in folders for path in (self.state / name).iterdir()]
