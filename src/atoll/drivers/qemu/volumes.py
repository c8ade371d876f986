"""The volumes and snapshots of a host, of running guests too.

Called by `driver.QemuDriver`, which serializes the verbs on a volume and starts no guest with
it meanwhile. A file that a guest could write to is checked before any program of QEMU opens it
again. Volumes never shrink.
"""

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from atoll.domain.errors import DriverBusy, DriverRefused
from atoll.drivers.qemu.block_nodes import (
    PluggedDisk,
    both,
    drop_node,
    grow,
    plugged_disks,
    put_on_top,
)
from atoll.drivers.qemu.devices import Chain
from atoll.drivers.qemu.files import run_qemu_img, sync
from atoll.drivers.qemu.guest import Guest
from atoll.drivers.qemu.layers import DISK_FILE, GIB, Layers, Snapshot, Volume
from atoll.drivers.qemu.merge import find_merges
from atoll.messages import ImageFacts, ImageSpec, SnapshotFacts, VolumeSpec

SNAPSHOTS_MAX = 32
MERGE_S = 5.0


class ImageBoot(Protocol):
    """The boot files of an image: its disk, and optionally its kernel."""

    @property
    def disk(self) -> Path: ...
    @property
    def kernel(self) -> Path | None: ...
    @property
    def initrd(self) -> Path | None: ...
    @property
    def cmdline(self) -> str | None: ...


class Images(Protocol):
    """The images of this host. `ensure` raises DriverBusy while an image is in preparation."""

    async def ensure(self, image: ImageSpec) -> ImageFacts: ...

    async def remove(self, image_id: str) -> None: ...

    def boot_of(self, image_id: str) -> ImageBoot: ...


class Volumes:
    """In all verbs, `guest` is the running guest that may use the volume."""

    def __init__(self, layers: Layers, images: Images) -> None:
        self._layers = layers
        self._images = images

    async def ensure_volume(self, spec: VolumeSpec, guest: Guest | None) -> None:
        """Create a volume and its image. Raises DriverBusy while the image is in preparation."""
        if await asyncio.to_thread(self._layers.find_volume, spec.id) is None:
            await self._make(spec)
            return
        volume = await self.settle(spec.id, guest)
        if volume.size_gib < spec.size_gib:
            # Record the size first: a file larger than its record is rejected.
            volume = msgspec.structs.replace(volume, size_gib=spec.size_gib)
            await asyncio.to_thread(self._layers.save_volume, volume)
        disk = await plugged_disk(volume.id, guest)
        if disk is None or guest is None:
            await asyncio.to_thread(self._grow_at_rest, volume)
        elif disk.size_bytes < volume.size_gib * GIB:
            await grow(await guest.monitor(), disk, volume.size_gib * GIB)

    async def _make(self, spec: VolumeSpec) -> None:
        if spec.snapshot_id is not None:
            await asyncio.to_thread(self._make_of_snapshot, spec, spec.snapshot_id)
        elif spec.image is not None:
            facts = await self._images.ensure(spec.image)
            disk = self._images.boot_of(spec.image.id).disk
            require_room(spec, "image", facts.virtual_size_bytes)
            source = spec.image.id, disk
            await asyncio.to_thread(self._layers.make_volume, spec.id, spec.size_gib, None, source)
        else:
            await asyncio.to_thread(self._layers.make_volume, spec.id, spec.size_gib, None, None)

    def _make_of_snapshot(self, spec: VolumeSpec, snapshot_id: str) -> None:
        snapshot = self._layers.find_snapshot(snapshot_id)
        if snapshot is None:
            raise DriverRefused(
                f"snapshot {snapshot_id} is not on this host: a volume is created on the host of "
                "its snapshot"
            )
        require_room(spec, "snapshot", snapshot.virtual_size_bytes)
        for layer in self._layers.chain_of(snapshot.layer):
            self._layers.check_layer(layer, f"snapshot {snapshot_id}")
        self._layers.make_volume(spec.id, spec.size_gib, snapshot, None)

    def _grow_at_rest(self, volume: Volume) -> None:
        wanted_bytes = volume.size_gib * GIB
        if self._layers.check(volume).virtual_size_bytes < wanted_bytes:
            words = ["resize", "-q", "-f", "qcow2", DISK_FILE, str(wanted_bytes)]
            self._layers.open_up(volume.layer)
            folder = self._layers.folder_of(volume.layer)
            run_qemu_img(words, folder, privileges=self._layers.tools)

    async def ensure_snapshot(
        self, snapshot_id: str, volume_id: str, guest: Guest | None
    ) -> SnapshotFacts:
        """Take a snapshot. On a busy host, waiting for the disk and for QEMU takes most of the
        time, so QEMU is queried while the next layer is created."""
        known = await asyncio.to_thread(self._layers.find_snapshot, snapshot_id)
        if known is not None:
            return await asyncio.to_thread(self._facts_of, known)
        volume = await self.settle(volume_id, guest)
        (switching, size_bytes), disk = await both(
            asyncio.to_thread(self._begin, volume, user_of(guest)), plugged_disk(volume_id, guest)
        )
        if disk is not None and guest is not None:
            await self._switch(switching, disk, guest)
        finish = partial(self._finish, snapshot_id, switching, size_bytes, user_of(guest))
        return await asyncio.to_thread(finish)

    def _facts_of(self, snapshot: Snapshot) -> SnapshotFacts:
        return SnapshotFacts(
            id=snapshot.id,
            size_bytes=self._layers.allocated_bytes(snapshot.layer),
            virtual_size_bytes=snapshot.virtual_size_bytes,
        )

    def _begin(self, volume: Volume, user: int | None) -> tuple[Volume, int]:
        """Create the next layer; return the size of the disk from its file."""
        self._require_short_chain(volume)
        size_bytes = self._layers.check(volume).virtual_size_bytes
        switching = self._layers.begin_switch(volume, size_bytes, user)
        # Flush now, so that QEMU has less to flush while its guest is paused.
        sync(self._layers.disk_of(volume.layer))
        return switching, size_bytes

    def _finish(
        self, snapshot_id: str, switching: Volume, size_bytes: int, user: int | None
    ) -> SnapshotFacts:
        """Write the record of the snapshot last: until then, its layer can still be written to."""
        self._layers.finish_switch(switching, user)
        snapshot = Snapshot(id=snapshot_id, layer=switching.layer, virtual_size_bytes=size_bytes)
        self._layers.save_snapshot(snapshot)
        return self._facts_of(snapshot)

    def _require_short_chain(self, volume: Volume) -> None:
        """Require a short chain, because QEMU opens and reads all files of a chain."""
        if len(self._layers.chain_of(volume.layer)) <= SNAPSHOTS_MAX:
            return
        if any(volume.id in merge.volume_ids for merge in find_merges(self._layers)):
            raise DriverBusy(
                f"deleted snapshots of volume {volume.id} are still being merged",
                after_s=MERGE_S,
            )
        raise DriverRefused(
            f"volume {volume.id} already has {SNAPSHOTS_MAX} snapshots, the maximum: "
            "delete some of them first"
        )

    async def _switch(self, volume: Volume, disk: PluggedDisk, guest: Guest) -> None:
        assert volume.next_layer is not None, "a switch was begun"
        path = self._seen_from(guest.folder.path, self._layers.disk_of(volume.next_layer))
        await put_on_top(await guest.monitor(), disk, volume.next_layer, path)

    async def settle(self, volume_id: str, guest: Guest | None) -> Volume:
        """Resolve an interrupted snapshot. Only QEMU knows if it switched to the next layer; if it
        is not running, that layer has the same contents as the one below."""
        volume = await asyncio.to_thread(self._layers.get_volume, volume_id)
        if volume.next_layer is None:
            return volume
        disk = await plugged_disk(volume_id, guest)
        if disk is None or guest is None or disk.layer == volume.next_layer:
            user = user_of(guest) if disk is not None else None
            return await asyncio.to_thread(self._layers.finish_switch, volume, user)
        await drop_node(await guest.monitor(), disk.slot, volume.next_layer)
        return await asyncio.to_thread(self._layers.take_back_switch, volume)

    def chain_for(self, volume_id: str, folder: Path, user: int | None) -> Chain:
        """Return the files of a volume to open, relative to a guest's folder, after handing them
        over to the guest's user."""
        volume = self._layers.get_volume(volume_id)
        self._layers.check(volume)
        self._layers.hand_over(volume, user)
        chain = self._layers.chain_of(volume.layer)
        base = chain[-1].base
        return Chain(
            layers=tuple(
                (layer.id, self._seen_from(folder, self._layers.disk_of(layer.id)))
                for layer in chain
            ),
            base=self._seen_from(folder, self._layers.state_dir / base) if base else None,
        )

    def grant(self, guest: Guest) -> None:
        """Let a running guest read the layers below its volumes again: those of an earlier version
        belonged to another group."""
        for volume_id in (guest.record.spec.root_volume_id, *guest.record.volumes):
            for layer in self._layers.chain_of(self._layers.get_volume(volume_id).layer)[1:]:
                self._layers.grant(layer.id, guest.user)

    def _seen_from(self, folder: Path, path: Path) -> str:
        """Return a path relative to the guest's folder, for QEMU."""
        return os.path.relpath(path, folder)

    def require_unused(self, image_id: str) -> None:
        """Require that nothing depends on the image."""
        layers = self._layers
        named = [(one.id, one.layer) for one in layers.volumes()]
        named += [(one.id, one.layer) for one in layers.snapshots()]
        users = [name for name, top in named if layers.chain_of(top)[-1].image_id == image_id]
        if users:
            raise DriverRefused(
                f"image {image_id} is the base of {len(users)} volumes and snapshots on this host, "
                f"such as {users[0]}: delete those first"
            )


def user_of(guest: Guest | None) -> int | None:
    return guest.user if guest is not None else None


async def plugged_disk(volume_id: str, guest: Guest | None) -> PluggedDisk | None:
    """Find the volume among the disks of the running guest."""
    if guest is None or not guest.running:
        return None
    disks = await plugged_disks(await guest.monitor())
    return disks.get(guest.device_of(volume_id))


def require_room(spec: VolumeSpec, source: str, needed_bytes: int) -> None:
    if spec.size_gib * GIB < needed_bytes:
        raise DriverRefused(
            f"the size of volume {spec.id} is {spec.size_gib} GiB, but its {source} has "
            f"{-(-needed_bytes // GIB)} GiB: choose at least that size"
        )
