"""Transfers of volumes between hosts: flattened into one file here, imported there.

Called by `driver.QemuDriver`, which serializes the verbs on a volume. A transfer includes the
contents of the image, because copies of an image on two hosts can differ. Long work continues
between two verbs. A file from outside is checked before QEMU opens it.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from atoll.domain.errors import DriverBusy, DriverError, DriverRefused, DriverUnavailable
from atoll.drivers.disk_room import DiskRoom
from atoll.drivers.images.check import check_volume
from atoll.drivers.processes import ProcessError, run_bounded
from atoll.drivers.qemu.files import sync
from atoll.drivers.qemu.layers import DISK_FILE, GIB, Arrival, Export, Layers, Snapshot, Volume
from atoll.drivers.qemu.process import find_program
from atoll.drivers.qemu.volumes import Volumes
from atoll.messages import ExportFacts, ImportFacts, Parcel, ParcelKind, WriteImport

GRACE_S = 0.2  # small transfers end within this time
ASK_AGAIN_S = 0.5
FLATTEN_S = 2 * 3600.0
SLICE_BYTES = 16 << 20
TABLES_BYTES = 256 << 20  # maximum overhead of qcow2 tables


class Work(NamedTuple):
    """The work on a parcel. Its result is a checksum."""

    parcel_id: str
    task: asyncio.Task[str]


class Transfers:
    """Copies never take the reserve of disk space that is kept for running guests."""

    def __init__(self, layers: Layers, disks: Volumes, room: DiskRoom) -> None:
        self._layers = layers
        self._volumes = disks
        self._room = room
        self._works: dict[str, Work] = {}

    async def close(self) -> None:
        """Cancel all work; it restarts when it is requested again."""
        for work_id in list(self._works):
            await self.stop(work_id)

    async def stop(self, work_id: str) -> None:
        """Stop the work for this export or parcel."""
        for one, work in list(self._works.items()):
            if work_id in {one, work.parcel_id}:
                del self._works[one]
                work.task.cancel()
                await asyncio.gather(work.task, return_exceptions=True)

    async def ensure_export(self, export_id: str, parcel: Parcel) -> ExportFacts:
        export = await asyncio.to_thread(self._layers.find_export, export_id)
        if export is None or export.checksum is None or export_id in self._works:
            words = f"{parcel.kind} {parcel.id} is being laid out"
            begin = partial(self._lay_out, export_id, parcel)
            await self._done(export_id, parcel, begin, words)
        return await asyncio.to_thread(self._facts_of, export_id)

    async def _lay_out(self, export_id: str, parcel: Parcel) -> str:
        """Flatten the disk; return the checksum."""
        layers = self._layers
        top, size_bytes = await asyncio.to_thread(self._checked, parcel)
        await asyncio.to_thread(layers.remove_export, export_id)
        await asyncio.to_thread(self._require_room_for_copy, top)
        export = await asyncio.to_thread(layers.begin_export, export_id, parcel.id, size_bytes)
        await self._flatten(top, export.layer)
        await asyncio.to_thread(layers.protect, export.layer)
        disk = layers.disk_of(export.layer)
        await asyncio.to_thread(sync, disk)
        checksum = await checksum_of(disk)
        whole = msgspec.structs.replace(export, checksum=checksum)
        await asyncio.to_thread(layers.save_export, whole)
        return checksum

    def _require_room_for_copy(self, top: str) -> None:
        """A flat copy takes at most what its layers take together, and the image."""
        chain = self._layers.chain_of(top)
        self._room.require(sum(self._layers.allocated_bytes(layer.id) for layer in chain))

    def _checked(self, parcel: Parcel) -> tuple[str, int]:
        """Check all files; return the top layer and the size of its disk."""
        if parcel.kind is ParcelKind.VOLUME:
            volume = self._layers.get_volume(parcel.id)
            self._layers.open_up(volume.layer)  # for qemu-img: no guest uses it now
            return volume.layer, self._layers.check(volume).virtual_size_bytes
        snapshot = self._layers.find_snapshot(parcel.id)
        if snapshot is None:
            raise DriverRefused(f"snapshot {parcel.id} is not on this host")
        for layer in self._layers.chain_of(snapshot.layer):
            self._layers.check_layer(layer, f"snapshot {parcel.id}")
        return snapshot.layer, snapshot.virtual_size_bytes

    async def _flatten(self, top: str, into: str) -> None:
        """Flatten into an existing empty file, the only one that qemu-img's user can write to."""
        target = f"../{into}/{DISK_FILE}"
        words = ["convert", "-n", "--target-is-zero", "-f", "qcow2", "-O", "qcow2"]
        command = [find_program("qemu-img"), *words, DISK_FILE, target]
        folder = self._layers.folder_of(top)
        try:
            await run_bounded(
                self._layers.tools.wrap(command),
                folder=folder,
                timeout_s=FLATTEN_S,
            )
        except ProcessError as error:
            raise DriverUnavailable(
                f"qemu-img convert failed in {folder}: {error.last_line}"
            ) from error
        except TimeoutError as error:
            raise DriverUnavailable(
                f"qemu-img convert took longer than {FLATTEN_S:g} s in {folder}"
            ) from error

    def _facts_of(self, export_id: str) -> ExportFacts:
        export = self._whole_export(export_id)
        assert export.checksum is not None, "a whole export has a checksum"
        return ExportFacts(
            id=export.id,
            size_bytes=self._layers.disk_of(export.layer).stat().st_size,
            checksum=export.checksum,
            virtual_size_bytes=export.virtual_size_bytes,
        )

    def _whole_export(self, export_id: str) -> Export:
        export = self._layers.find_export(export_id)
        if export is None or export.checksum is None:
            raise DriverUnavailable(f"export {export_id} is not on this host: ensure it again")
        return export

    async def read_export(self, export_id: str, offset: int, bytes_max: int) -> bytes:
        return await asyncio.to_thread(self._read, export_id, offset, bytes_max)

    def _read(self, export_id: str, offset: int, bytes_max: int) -> bytes:
        with self._layers.disk_of(self._whole_export(export_id).layer).open("rb") as file:
            return os.pread(file.fileno(), bytes_max, offset)

    async def remove_export(self, export_id: str) -> None:
        await self.stop(export_id)
        await asyncio.to_thread(self._layers.remove_export, export_id)

    async def inspect_import(self, parcel: Parcel) -> ImportFacts:
        return await asyncio.to_thread(self._inspect, parcel)

    def _inspect(self, parcel: Parcel) -> ImportFacts:
        layers = self._layers
        volume = parcel.kind is ParcelKind.VOLUME
        found = layers.find_volume(parcel.id) if volume else layers.find_snapshot(parcel.id)
        if found is not None:
            size_bytes = layers.allocated_bytes(found.layer)
            return ImportFacts(id=parcel.id, size_bytes=size_bytes, complete=True)
        arrival = layers.find_arrival(parcel.id)
        size_bytes = layers.disk_of(arrival.layer).stat().st_size if arrival else 0
        return ImportFacts(id=parcel.id, size_bytes=size_bytes)

    async def write_import(self, piece: WriteImport) -> ImportFacts:
        parcel, file = piece.parcel, (piece.size_bytes, piece.checksum)
        facts = await self.inspect_import(parcel)
        if facts.complete:
            return facts
        arrival = await asyncio.to_thread(self._layers.find_arrival, parcel.id)
        if arrival is None or (arrival.size_bytes, arrival.checksum) != file:
            arrival = await self._begin(parcel, *file)
        have = await asyncio.to_thread(self._append, arrival, piece.offset, piece.data)
        if have < piece.size_bytes:
            return ImportFacts(id=parcel.id, size_bytes=have)
        disk = self._layers.disk_of(arrival.layer)
        words = f"{parcel.kind} {parcel.id} has arrived and is being checked"
        found = await self._done(parcel.id, parcel, partial(checksum_of, disk), words)
        await asyncio.to_thread(self._take_in, parcel, arrival, found)
        return await self.inspect_import(parcel)

    async def _begin(self, parcel: Parcel, size_bytes: int, checksum: str) -> Arrival:
        """Start an arrival, replacing a previous one."""
        most_bytes = parcel.size_gib * GIB + TABLES_BYTES
        if not 0 < size_bytes <= most_bytes:
            raise DriverRefused(
                f"the file of {parcel.kind} {parcel.id} has {size_bytes} bytes, a disk of "
                f"{parcel.size_gib} GiB has 1 to {most_bytes}"
            )
        await self.remove_import(parcel)
        await asyncio.to_thread(self._room.require, size_bytes)
        return await asyncio.to_thread(self._layers.begin_arrival, parcel.id, size_bytes, checksum)

    def _append(self, arrival: Arrival, offset: int, data: bytes) -> int:
        """Append a piece; return the number of bytes now present."""
        self._room.require(len(data))
        with self._layers.disk_of(arrival.layer).open("ab") as file:
            have = file.tell()
            if offset == have:
                file.write(data[: arrival.size_bytes - have])
            return file.tell()

    def _take_in(self, parcel: Parcel, arrival: Arrival, checksum: str) -> None:
        """Verify and flush the file before its record is written."""
        layers = self._layers
        try:
            size_bytes = self._admit(parcel, arrival, checksum)
        except DriverError:
            layers.remove_arrival(parcel.id)
            raise
        volume = parcel.kind is ParcelKind.VOLUME
        (layers.open_up if volume else layers.protect)(arrival.layer)
        sync(layers.disk_of(arrival.layer))
        if volume:
            layers.save_volume(Volume(id=parcel.id, size_gib=parcel.size_gib, layer=arrival.layer))
        else:
            layers.save_snapshot(
                Snapshot(id=parcel.id, layer=arrival.layer, virtual_size_bytes=size_bytes)
            )
        layers.remove_arrival(parcel.id)

    def _admit(self, parcel: Parcel, arrival: Arrival, checksum: str) -> int:
        """Check the file; return the size of its disk."""
        if checksum != arrival.checksum:
            raise DriverUnavailable(
                f"{parcel.kind} {parcel.id} was damaged during the transfer and is discarded: retry"
            )
        return check_volume(
            self._layers.disk_of(arrival.layer),
            what=f"{parcel.kind} {parcel.id}",
            backing_files=[None],
            virtual_size_max_bytes=parcel.size_gib * GIB,
        ).virtual_size_bytes

    async def remove_import(self, parcel: Parcel) -> None:
        await self.stop(parcel.id)
        await asyncio.to_thread(self._layers.remove_arrival, parcel.id)

    async def _done(
        self,
        work_id: str,
        parcel: Parcel,
        begin: Callable[[], Coroutine[Any, Any, str]],
        words: str,
    ) -> str:
        """Raise DriverBusy until the work is done. A failure is raised once; then it restarts."""
        work = self._works.get(work_id)
        if work is None:
            work = self._works[work_id] = Work(parcel.id, asyncio.create_task(begin()))
        await asyncio.wait({work.task}, timeout=GRACE_S)
        if not work.task.done():
            raise DriverBusy(words, after_s=ASK_AGAIN_S)
        del self._works[work_id]
        return work.task.result()


async def checksum_of(path: Path) -> str:
    """Compute the checksum in slices, so that it can be cancelled."""
    digest = hashlib.sha256()
    offset = 0
    while data := await asyncio.to_thread(read_at, path, offset):
        await asyncio.to_thread(digest.update, data)
        offset += len(data)
    return f"sha256:{digest.hexdigest()}"


def read_at(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        return os.pread(file.fileno(), SLICE_BYTES, offset)
