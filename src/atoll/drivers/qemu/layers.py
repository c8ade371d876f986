"""The layers of a host's disks, and the records that refer to them.

Called by `volumes`. A layer is one qcow2 in `<state>/layers/<id>/`, over another layer or over
an image; it never moves, because a running QEMU opens its files again by name. A
volume is a record that refers to the layer its guest writes to; a snapshot is a record that refers
to a read-only layer; both are written after their layer is complete and flushed to disk. Transfers
to or from another host are recorded layers as well. Layers that no record needs are deleted; a file
that a guest could write to never influences that.
"""

import contextlib
import os
import secrets
import shutil
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.drivers.images.check import DiskFacts, check_volume
from atoll.drivers.qemu.files import require_id, sync, write_atomically
from atoll.drivers.qemu.process import Privileges
from atoll.drivers.qemu.qcow2 import make_empty
from atoll.drivers.qemu.readers import readers_of, set_readers

DISK_FILE = "disk.qcow2"
LAYER_FILE = "layer.json"
LAYER_ID_BYTES = 6
VIRTUAL_SIZE_MAX_BYTES = 64 * 2**40
GIB = 1024**3

R = TypeVar("R")
Fingerprint = tuple[int, int, int, int]


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """`layer` is the writable one. `next_layer` is on top of it and may already be written to while
    a snapshot is being taken: see `Layers.begin_switch`."""

    id: str
    size_gib: int
    layer: str
    next_layer: str | None = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    layer: str
    virtual_size_bytes: int


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """`layer` has no backing file and contains a complete volume or snapshot. It is deleted with
    that at the latest, and complete once it has a checksum."""

    id: str
    parcel_id: str
    layer: str
    virtual_size_bytes: int
    checksum: str | None = None


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is that of the volume or snapshot that the layer becomes, once it has `size_bytes` and
    this checksum."""

    id: str
    layer: str
    size_bytes: int
    checksum: str


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer is on top of another layer, of an image (`base`, relative to the state directory),
    or of nothing. `absorbing`: the data of its parent is being copied into it."""

    id: str
    parent: str | None = None
    image_id: str | None = None
    base: str | None = None
    absorbing: bool = False


class Layers:
    """All layers of one state directory. `tools` are the privileges of qemu-img, whose user owns
    disks that no guest uses, if we are root. A disk in use belongs to the guest's own user."""

    def __init__(self, state_dir: Path, tools: Privileges) -> None:
        self.state_dir = state_dir
        self.tools = tools
        self._layers = state_dir / "layers"
        self._volumes = state_dir / "volumes"
        self._snapshots = state_dir / "snapshots"
        self._exports = state_dir / "exports"
        self._arrivals = state_dir / "arrivals"
        # Layers without a record yet, and their parents: `sweep` must not delete them.
        self._unnamed: dict[str, Layer] = {}
        self._sweeping = threading.Lock()
        self._checked: dict[str, tuple[Fingerprint, DiskFacts]] = {}

    def prepare(self) -> None:
        records = (self._volumes, self._snapshots, self._exports, self._arrivals)
        for path in (self._layers, *records):
            path.mkdir(parents=True, exist_ok=True)
        self._layers.chmod(0o711)

    def find_volume(self, volume_id: str) -> Volume | None:
        return read(self._record_of(self._volumes, volume_id), Volume)

    def get_volume(self, volume_id: str) -> Volume:
        volume = self.find_volume(volume_id)
        if volume is None:
            raise DriverRefused(f"volume {volume_id} is not on this host: ensure it first")
        return volume

    def volumes(self) -> Iterator[Volume]:
        return read_all(self._volumes.glob("*.json"), Volume)

    def find_snapshot(self, snapshot_id: str) -> Snapshot | None:
        return read(self._record_of(self._snapshots, snapshot_id), Snapshot)

    def snapshots(self) -> Iterator[Snapshot]:
        return read_all(self._snapshots.glob("*.json"), Snapshot)

    def find_export(self, export_id: str) -> Export | None:
        return read(self._record_of(self._exports, export_id), Export)

    def find_arrival(self, parcel_id: str) -> Arrival | None:
        return read(self._record_of(self._arrivals, parcel_id), Arrival)

    def all(self) -> Iterator[Layer]:
        return read_all(self._layers.glob(f"*/{LAYER_FILE}"), Layer)

    def get(self, layer_id: str) -> Layer:
        layer = read(self.folder_of(layer_id) / LAYER_FILE, Layer)
        if layer is None:
            raise DriverRefused(
                f"layer {layer_id} is missing in {self._layers}: restore it from a backup"
            )
        return layer

    def chain_of(self, layer_id: str) -> list[Layer]:
        """List the chain from the top down."""
        chain = [self.get(layer_id)]
        while (parent := chain[-1].parent) is not None:
            chain.append(self.get(parent))
        return chain

    def folder_of(self, layer_id: str) -> Path:
        return self._layers / layer_id

    def disk_of(self, layer_id: str) -> Path:
        return self.folder_of(layer_id) / DISK_FILE

    def allocated_bytes(self, layer_id: str) -> int:
        """Return the space on disk."""
        return self.disk_of(layer_id).stat().st_blocks * 512

    def all_allocated_bytes(self) -> int:
        return sum(disk.stat().st_blocks * 512 for disk in self._layers.glob(f"*/{DISK_FILE}"))

    def make_volume(
        self,
        volume_id: str,
        size_gib: int,
        snapshot: Snapshot | None,
        image: tuple[str, Path] | None,
    ) -> None:
        """Create a volume on top of a snapshot, or of an image (its id and its disk), or empty."""
        new = Layer(id=new_layer_id())
        if snapshot is not None:
            new = msgspec.structs.replace(new, parent=snapshot.layer)
        elif image is not None:
            base = os.path.relpath(image[1], self.state_dir)
            new = msgspec.structs.replace(new, image_id=image[0], base=base)
        with self._making(new, size_gib * GIB):
            self.save_volume(Volume(id=volume_id, size_gib=size_gib, layer=new.id))

    def begin_switch(self, volume: Volume, size_bytes: int, user: int | None) -> Volume:
        """Create an empty layer on top of the current one, recorded as the next, for the user of
        the running guest if there is one. Until QEMU writes to it, both have the same contents:
        without QEMU, either is correct."""
        new = Layer(id=new_layer_id(), parent=volume.layer)
        with self._making(new, size_bytes, user):
            switching = msgspec.structs.replace(volume, next_layer=new.id)
            self.save_volume(switching)
        return switching

    def finish_switch(self, volume: Volume, user: int | None) -> Volume:
        """Make the next layer the writable one, and freeze the previous one, which the running
        guest still reads."""
        assert volume.next_layer is not None, "a switch was begun"
        switched = msgspec.structs.replace(volume, layer=volume.next_layer, next_layer=None)
        self.save_volume(switched)
        self.protect(volume.layer)
        self.grant(volume.layer, user)
        return switched

    def take_back_switch(self, volume: Volume) -> Volume:
        """Undo a switch: the next layer was not, and will not be, written to."""
        back = msgspec.structs.replace(volume, next_layer=None)
        self.save_volume(back)
        self.sweep()
        return back

    def begin_export(self, export_id: str, parcel_id: str, size_bytes: int) -> Export:
        """Create a layer with an empty disk of this size, to be filled."""
        new = Layer(id=new_layer_id())
        export = Export(
            id=export_id, parcel_id=parcel_id, layer=new.id, virtual_size_bytes=size_bytes
        )
        with self._making(new, size_bytes):
            self.save_export(export)
        return export

    def begin_arrival(self, parcel_id: str, size_bytes: int, checksum: str) -> Arrival:
        """Create a layer with an empty file."""
        new = Layer(id=new_layer_id())
        arrival = Arrival(id=parcel_id, layer=new.id, size_bytes=size_bytes, checksum=checksum)
        with self._making(new, None):
            save(self._record_of(self._arrivals, parcel_id), arrival)
        return arrival

    def save_export(self, export: Export) -> None:
        save(self._record_of(self._exports, export.id), export)

    def save_volume(self, volume: Volume) -> None:
        save(self._record_of(self._volumes, volume.id), volume)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        save(self._record_of(self._snapshots, snapshot.id), snapshot)

    def save_layer(self, layer: Layer) -> None:
        save(self.folder_of(layer.id) / LAYER_FILE, layer)

    def remove_volume(self, volume_id: str) -> None:
        forget(self._record_of(self._volumes, volume_id))
        self._forget_exports_of(volume_id)
        self.remove_arrival(volume_id)

    def remove_snapshot(self, snapshot_id: str) -> None:
        forget(self._record_of(self._snapshots, snapshot_id))
        self._forget_exports_of(snapshot_id)
        self.remove_arrival(snapshot_id)

    def _forget_exports_of(self, parcel_id: str) -> None:
        for export in list(read_all(self._exports.glob("*.json"), Export)):
            if export.parcel_id == parcel_id:
                forget(self._record_of(self._exports, export.id))

    def remove_arrival(self, parcel_id: str) -> None:
        """Delete the record of an arrival. A complete layer has another record, and stays."""
        record = self._record_of(self._arrivals, parcel_id)
        if record.exists():
            forget(record)
        self.sweep()

    def remove_export(self, export_id: str) -> None:
        forget(self._record_of(self._exports, export_id))
        self.sweep()

    def sweep(self) -> None:
        """Delete layers on which no volume or snapshot depends. If a record is unreadable, delete
        nothing, because its dependencies are unknown."""
        with self._sweeping:
            found = [path.name for path in self._layers.iterdir()]
            # In this order, so that a layer that just got a record is seen.
            unnamed = list(self._unnamed.values())
            needed = {layer.id for layer in unnamed}
            for top in self._named_layers() | {one.parent for one in unnamed if one.parent}:
                self._add_chain(top, needed)
            for name in set(found) - needed:
                self._checked.pop(name, None)
                delete_folder(self.folder_of(name))

    def tidy(self) -> None:
        """At startup: clean up what a crash left unfinished or writable, and close what an earlier
        version left readable for every QEMU."""
        for arrival in list(read_all(self._arrivals.glob("*.json"), Arrival)):
            if self.find_volume(arrival.id) or self.find_snapshot(arrival.id):
                forget(self._record_of(self._arrivals, arrival.id))
        self.sweep()
        frozen = {layer.parent for layer in self.all() if layer.parent is not None}
        for layer_id in frozen | {snapshot.layer for snapshot in self.snapshots()}:
            self.protect(layer_id)

    def _named_layers(self) -> set[str]:
        named = {snapshot.layer for snapshot in self.snapshots()}
        named |= {one.layer for one in read_all(self._exports.glob("*.json"), Export)}
        named |= {one.layer for one in read_all(self._arrivals.glob("*.json"), Arrival)}
        for volume in self.volumes():
            named |= {volume.layer, volume.next_layer or volume.layer}
        return named

    def _add_chain(self, top: str, needed: set[str]) -> None:
        """Add a chain. Volumes of one snapshot share layers: each is read once."""
        layer: str | None = top
        while layer is not None and layer not in needed:
            needed.add(layer)
            layer = self.get(layer).parent

    def check(self, volume: Volume) -> DiskFacts:
        """Raise DriverRefused if a file of the volume was tampered with. Returns the header of the
        top layer."""
        found = [
            self.check_layer(layer, f"volume {volume.id}") for layer in self.chain_of(volume.layer)
        ]
        if found[0].virtual_size_bytes > volume.size_gib * GIB:
            raise DriverRefused(
                f"the disk of volume {volume.id} is refused: its virtual size is "
                f"{found[0].virtual_size_bytes} bytes, the volume has {volume.size_gib} GiB"
            )
        return found[0]

    def check_layer(self, layer: Layer, what: str) -> DiskFacts:
        """Check a layer, unless its file is unchanged since the last check: ctime cannot be set
        back."""
        path = self.disk_of(layer.id)
        known = self._checked.get(layer.id)
        print_now = fingerprint_of(path)
        if known is not None and known[0] == print_now:
            return known[1]
        allowed = [self.backing_file_of(layer)]
        if layer.absorbing and layer.parent is not None:
            allowed.append(self.backing_file_of(self.get(layer.parent)))
        facts = check_volume(
            path,
            what=what,
            backing_files=allowed,
            virtual_size_max_bytes=VIRTUAL_SIZE_MAX_BYTES,
        )
        self._checked[layer.id] = print_now, facts
        return facts

    def backing_file_of(self, layer: Layer) -> str | None:
        """Return the backing file as a relative path, so that the state directory can move."""
        if layer.parent is not None:
            return f"../{layer.parent}/{DISK_FILE}"
        return f"../../{layer.base}" if layer.base else None

    def hand_over(self, volume: Volume, user: int | None) -> None:
        """Give a volume to the user of a guest: its top to write, the layers below to read."""
        top, *below = self.chain_of(volume.layer)
        if user is not None and self.disk_of(top.id).stat().st_uid != user:
            self.open_up(top.id, user)
        for layer in below:
            self.grant(layer.id, user)

    def protect(self, layer_id: str) -> None:
        """Make the file read-only, and readable for qemu-img and for those to whom it was
        granted."""
        disk = self.disk_of(layer_id)
        if self.tools.uid is not None:
            os.chown(disk, 0, self.tools.uid)
        disk.chmod(0o440)

    def grant(self, layer_id: str, user: int | None) -> None:
        """Let the user of a guest read a frozen layer. It stays granted: what a guest could read
        once is no secret, as the layer does not change. Without access control lists, every QEMU
        may read the layer."""
        disk = self.disk_of(layer_id)
        if user is None or user in (readers := readers_of(disk)):
            return
        try:
            set_readers(disk, {*readers, user})
        except OSError:
            os.chown(disk, 0, *self.tools.groups)

    def open_up(self, layer_id: str, user: int | None = None) -> None:
        """Make the file writable for one user alone: that of a guest, otherwise that of
        qemu-img."""
        disk, uid = self.disk_of(layer_id), self.tools.uid if user is None else user
        disk.chmod(0o600)
        if uid is not None:
            os.chown(disk, uid, uid)

    def disown(self, user: int) -> None:
        """Take all disks from a user that another guest is about to get."""
        for disk in self._layers.glob(f"*/{DISK_FILE}"):
            with contextlib.suppress(FileNotFoundError):
                if disk.stat().st_uid == user:
                    self.open_up(disk.parent.name)
                if user in (readers := readers_of(disk)):
                    set_readers(disk, readers - {user})

    @contextlib.contextmanager
    def _making(
        self, layer: Layer, size_bytes: int | None, user: int | None = None
    ) -> Iterator[None]:
        """Create the file and record of a layer; the block must write another record that refers to
        it. Without a size, the file is empty and accessible only to us."""
        with self._sweeping:
            if layer.parent is not None:
                self.get(layer.parent)
            self._unnamed[layer.id] = layer
        try:
            self._make(layer, size_bytes, user)
            yield
        finally:
            del self._unnamed[layer.id]

    def _make(self, layer: Layer, size_bytes: int | None, user: int | None) -> None:
        folder = self.folder_of(layer.id)
        folder.mkdir()
        folder.chmod(0o711)
        if size_bytes is None:
            (folder / DISK_FILE).touch(mode=0o600)
        else:
            make_empty(folder / DISK_FILE, size_bytes, self.backing_file_of(layer))
            self.open_up(layer.id, user)
        write_atomically(folder / LAYER_FILE, msgspec.json.encode(layer))
        for path in (folder / DISK_FILE, folder, self._layers):
            sync(path)

    def _record_of(self, folder: Path, thing_id: str) -> Path:
        require_id(thing_id)
        return folder / f"{thing_id}.json"


def new_layer_id() -> str:
    """Choose an id. It is short, because QEMU's node names have at most 31 characters. Its folder
    is created first, so that ids are unique."""
    return secrets.token_hex(LAYER_ID_BYTES)


def read(path: Path, kind: type[R]) -> R | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise DriverRefused(f"{path} cannot be read ({error}): restore it from a backup") from error


def read_all(paths: Iterable[Path], kind: type[R]) -> Iterator[R]:
    """Read all records, except those deleted meanwhile."""
    return (record for path in paths if (record := read(path, kind)) is not None)


def save(path: Path, record: Volume | Snapshot | Export | Arrival | Layer) -> None:
    write_atomically(path, msgspec.json.encode(record))
    sync(path.parent)


def forget(path: Path) -> None:
    """Delete a record durably, before its layer is deleted."""
    path.unlink(missing_ok=True)
    sync(path.parent)


def fingerprint_of(path: Path) -> Fingerprint:
    stat = path.stat(follow_symlinks=False)
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def delete_folder(path: Path) -> None:
    """Delete a layer. If interrupted, the next sweep finishes it."""
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        raise DriverUnavailable(f"{path} could not be deleted: another process may use it")
