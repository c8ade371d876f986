"""A host whose guests are records: the same verbs, states and faults as a real one, no hypervisor.

Its state outlives the process, as real guests do: every change is a line in a journal.
Faults come from a `FaultPlan` that the composition root shares among all simulated hosts.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import msgspec

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.domain.faults import Fault
from atoll.domain.hosts import Capabilities, Capacity
from atoll.domain.images import ImageKind
from atoll.domain.instances import Halt
from atoll.drivers.simulator.console import PICTURE, SimulatedConsole, SimulatedConsoles
from atoll.drivers.simulator.faults import FaultPlan
from atoll.drivers.simulator.transfer import Content, SimulatedTransfers
from atoll.messages import (
    Console,
    DiskCounters,
    ExportFacts,
    GuestFacts,
    GuestMetrics,
    GuestSpec,
    ImageFacts,
    ImageSpec,
    ImportFacts,
    Parcel,
    ParcelKind,
    Power,
    SnapshotFacts,
    VolumeSpec,
    WriteImport,
)

GIB = 2**30
NO_DIGESTS = {"md5": "0" * 32, "sha512": "0" * 128}
LOG_LINE = "[    0.000000] Linux version (simulated)\n{name} login: "


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """The time until a simulated guest is ready, and the time of its clean shutdown."""

    boot_s: float = 0.0
    shutdown_s: float = 0.0


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change: the new state of a guest, volume or snapshot, or its deletion."""

    guest: GuestFacts | None = None
    spec: GuestSpec | None = None
    gone_guest: str | None = None
    volume: VolumeSpec | None = None
    gone_volume: str | None = None
    snapshot: SnapshotFacts | None = None
    gone_snapshot: str | None = None


class SimulatorDriver:
    """Implements `ports.Driver`. Without a `journal`, the state is lost with the object."""

    def __init__(
        self,
        host_name: str,
        faults: FaultPlan,
        *,
        capacity: Capacity,
        times: Times = Times(),  # noqa: B008  (frozen)
        journal: Path | None = None,
    ) -> None:
        self.capabilities = Capabilities(
            driver="simulator", accelerator="none", emulated=True, starts_at_once=1_000_000
        )
        self._name = host_name
        self._faults = faults
        self._capacity = capacity
        self._times = times
        self._journal_path = journal
        self._journal: IO[bytes] | None = None
        self._guests: dict[str, GuestFacts] = {}
        self._specs: dict[str, GuestSpec] = {}
        self._volumes: dict[str, VolumeSpec] = {}
        self._snapshots: dict[str, SnapshotFacts] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._shutting_down: set[str] = set()
        self._consoles = SimulatedConsoles()
        self._transfers = SimulatedTransfers()
        self._on_change: Callable[[GuestFacts], None] = lambda facts: None

    async def open(self, on_change: Callable[[GuestFacts], None]) -> None:
        self._on_change = on_change
        if self._journal_path is not None:
            self._load(self._journal_path)
        for facts in list(self._guests.values()):
            if facts.power is Power.RUNNING and not facts.ready and facts.halt is None:
                self._boot(facts.id)
        self._faults.watch(self._follow_fault)
        self._follow_fault(None)

    async def close(self) -> None:
        self._faults.unwatch(self._follow_fault)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._consoles.end_all()
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    async def capacity(self) -> Capacity:
        """Return the capacity, as in each heartbeat: a lost host sends none."""
        if self._faults.lost(self._name):
            raise DriverUnavailable(f"host {self._name} does not answer")
        full = self._faults.full(self._name)
        return msgspec.structs.replace(self._capacity, spare_disk_mib=0) if full else self._capacity

    async def ensure_image(self, image: ImageSpec) -> ImageFacts:
        with self._faults.around("ensure_image", self._name):
            return ImageFacts(
                id=image.id,
                size_bytes=2**20,
                virtual_size_bytes=2**30,
                checksum="sha256:" + "0" * 64,
                digests=NO_DIGESTS if image.kind is ImageKind.ISO else {},
            )

    async def remove_image(self, image_id: str) -> None:
        with self._faults.around("remove_image", self._name):
            return

    async def ensure_volume(self, volume: VolumeSpec) -> None:
        with self._faults.around("ensure_volume", self._name):
            known = self._volumes.get(volume.id)
            if known is None:
                self._require_source(volume)
                self._keep(volume)
            elif known.size_gib < volume.size_gib:
                self._keep(msgspec.structs.replace(known, size_gib=volume.size_gib))

    def _require_source(self, volume: VolumeSpec) -> None:
        if volume.snapshot_id is None:
            return
        source = self._snapshots.get(volume.snapshot_id)
        if source is None:
            raise DriverRefused(f"snapshot {volume.snapshot_id} is not on this host")
        if volume.size_gib * GIB < source.virtual_size_bytes:
            raise DriverRefused(
                f"the size of volume {volume.id} is {volume.size_gib} GiB, but its snapshot has "
                f"{source.virtual_size_bytes // GIB} GiB: choose at least that size"
            )

    def _keep(self, volume: VolumeSpec) -> None:
        self._volumes[volume.id] = volume
        self._write(Line(volume=volume))

    async def remove_volume(self, volume_id: str) -> None:
        with self._faults.around("remove_volume", self._name):
            self._require_free(volume_id)
            self._transfers.forget(volume_id)
            if self._volumes.pop(volume_id, None) is not None:
                self._write(Line(gone_volume=volume_id))

    def _require_free(self, volume_id: str) -> None:
        for guest_id, facts in self._guests.items():
            root = self._specs[guest_id].root_volume_id
            if facts.power is Power.RUNNING and volume_id in {root, *facts.volumes}:
                raise DriverRefused(
                    f"volume {volume_id} is in use by {guest_id}: stop that guest first"
                )

    async def ensure_snapshot(self, snapshot_id: str, volume_id: str) -> SnapshotFacts:
        with self._faults.around("ensure_snapshot", self._name):
            if snapshot_id not in self._snapshots:
                volume = self._volumes.get(volume_id)
                if volume is None:
                    raise DriverRefused(f"volume {volume_id} is not on this host")
                facts = SnapshotFacts(
                    id=snapshot_id, size_bytes=2**20, virtual_size_bytes=volume.size_gib * GIB
                )
                self._keep_snapshot(facts)
            return self._snapshots[snapshot_id]

    def _keep_snapshot(self, facts: SnapshotFacts) -> None:
        self._snapshots[facts.id] = facts
        self._write(Line(snapshot=facts))

    async def remove_snapshot(self, snapshot_id: str) -> None:
        with self._faults.around("remove_snapshot", self._name):
            self._transfers.forget(snapshot_id)
            if self._snapshots.pop(snapshot_id, None) is not None:
                self._write(Line(gone_snapshot=snapshot_id))

    async def ensure_export(self, export_id: str, parcel: Parcel) -> ExportFacts:
        with self._faults.around("ensure_export", self._name):
            return self._transfers.ensure_export(export_id, parcel, self._content_of(parcel))

    def _content_of(self, parcel: Parcel) -> Content:
        volume, snapshot = self._volumes.get(parcel.id), self._snapshots.get(parcel.id)
        if parcel.kind is ParcelKind.VOLUME and volume is not None:
            self._require_free(volume.id)
            return Content(virtual_size_bytes=volume.size_gib * GIB, volume=volume)
        if parcel.kind is ParcelKind.SNAPSHOT and snapshot is not None:
            return Content(virtual_size_bytes=snapshot.virtual_size_bytes, snapshot=snapshot)
        raise DriverRefused(f"{parcel.kind} {parcel.id} is not on this host")

    async def read_export(self, export_id: str, offset: int, bytes_max: int) -> bytes:
        with self._faults.around("read_export", self._name):
            return self._transfers.read_export(export_id, offset, bytes_max)

    async def remove_export(self, export_id: str) -> None:
        with self._faults.around("remove_export", self._name):
            self._transfers.exports.pop(export_id, None)

    async def inspect_import(self, parcel: Parcel) -> ImportFacts:
        with self._faults.around("inspect_import", self._name):
            return self._import_facts(parcel)

    def _import_facts(self, parcel: Parcel) -> ImportFacts:
        if parcel.id in self._volumes or parcel.id in self._snapshots:
            return ImportFacts(id=parcel.id, size_bytes=2**20, complete=True)
        return self._transfers.inspect_import(parcel)

    async def write_import(self, piece: WriteImport) -> ImportFacts:
        with self._faults.around("write_import", self._name):
            if not self._import_facts(piece.parcel).complete:
                arrived = self._transfers.write_import(piece)
                if arrived is not None:
                    self._take_in(piece.parcel, arrived)
            return self._import_facts(piece.parcel)

    def _take_in(self, parcel: Parcel, content: Content) -> None:
        replace = msgspec.structs.replace
        if content.volume is not None:
            self._keep(replace(content.volume, id=parcel.id, size_gib=parcel.size_gib))
        if content.snapshot is not None:
            self._keep_snapshot(replace(content.snapshot, id=parcel.id))

    async def remove_import(self, parcel: Parcel) -> None:
        with self._faults.around("remove_import", self._name):
            self._transfers.arrivals.pop(parcel.id, None)

    async def ensure_running(self, guest: GuestSpec) -> GuestFacts:
        with self._faults.around("ensure_running", self._name):
            self._require_volumes(guest)
            self._require_devices(guest)
            known = self._guests.get(guest.id)
            if known is None or known.power is not Power.RUNNING or known.boots < guest.boots:
                self._specs[guest.id] = guest
                boots = max(guest.boots, known.boots if known else 0)
                self._set(
                    GuestFacts(id=guest.id, power=Power.RUNNING, boots=boots, volumes=guest.volumes)
                )
                self._boot(guest.id)
            elif known.halt is not None:
                self._go_on(guest.id)
            return self._guests[guest.id]

    def _require_volumes(self, guest: GuestSpec) -> None:
        for volume_id in (guest.root_volume_id, *guest.volumes):
            if volume_id not in self._volumes:
                raise DriverRefused(f"volume {volume_id} of {guest.id} is not on this host")

    def _require_devices(self, guest: GuestSpec) -> None:
        if not guest.devices:
            return
        running = [g for g, facts in self._guests.items() if facts.power is Power.RUNNING]
        others = {d: g for g in running if g != guest.id for d in self._specs[g].devices}
        for device in guest.devices:
            if device not in self._capacity.devices:
                raise DriverRefused(f"there is no {device.kind} at {device.address} on this host")
            if device in others:
                raise DriverRefused(f"{device.address} is in use by {others[device]}")

    async def ensure_configured(self, guest: GuestSpec) -> GuestFacts:
        with self._faults.around("ensure_configured", self._name):
            known = self._guests.get(guest.id)
            if known is None:
                return GuestFacts(id=guest.id, power=Power.STOPPED, boots=0)
            if known.power is Power.RUNNING:
                self._require_volumes(guest)
                self._specs[guest.id] = guest
                self._set(msgspec.structs.replace(known, volumes=guest.volumes))
            return self._guests[guest.id]

    async def ensure_stopped(self, guest_id: str, *, force: bool) -> GuestFacts:
        with self._faults.around("ensure_stopped", self._name):
            known = self._guests.get(guest_id)
            if known is None:
                return GuestFacts(id=guest_id, power=Power.STOPPED, boots=0)
            if known.power is Power.RUNNING:
                if force or not self._times.shutdown_s:
                    self._stop(guest_id)
                else:
                    self._shut_down_later(guest_id)
            return self._guests[guest_id]

    def _stop(self, guest_id: str) -> None:
        self._drop_timer(guest_id)
        known = self._guests[guest_id]
        self._set(GuestFacts(id=guest_id, power=Power.STOPPED, boots=known.boots))

    def _shut_down_later(self, guest_id: str) -> None:
        """Schedule one shutdown, even if requested repeatedly."""
        if guest_id not in self._shutting_down:
            self._drop_timer(guest_id)
            later = asyncio.get_running_loop().call_later
            self._timers[guest_id] = later(self._times.shutdown_s, self._stop, guest_id)
            self._shutting_down.add(guest_id)

    def _drop_timer(self, guest_id: str) -> None:
        self._shutting_down.discard(guest_id)
        if timer := self._timers.pop(guest_id, None):
            timer.cancel()

    async def remove(self, guest_id: str) -> None:
        with self._faults.around("remove", self._name):
            self._specs.pop(guest_id, None)
            self._drop_timer(guest_id)
            self._consoles.end(guest_id)
            if self._guests.pop(guest_id, None) is not None:
                self._write(Line(gone_guest=guest_id))

    async def inspect(self, guest_id: str) -> GuestFacts | None:
        with self._faults.around("inspect", self._name):
            return self._guests.get(guest_id)

    async def list(self) -> Sequence[GuestFacts]:
        with self._faults.around("list", self._name):
            return list(self._guests.values())

    async def volumes(self) -> Sequence[str]:
        """List the volumes on the simulated disks, for tests."""
        return list(self._volumes)

    def volume_of(self, volume_id: str) -> VolumeSpec:
        """Return the source of a simulated disk."""
        return self._volumes[volume_id]

    async def snapshots(self) -> Sequence[str]:
        """List the snapshots, for tests."""
        return list(self._snapshots)

    def snapshot_of(self, snapshot_id: str) -> SnapshotFacts:
        return self._snapshots[snapshot_id]

    async def under_way(self) -> Sequence[str]:
        """List the transfers in progress, for tests."""
        return [*self._transfers.exports, *self._transfers.arrivals]

    def size_gib_of(self, volume_id: str) -> int:
        return self._volumes[volume_id].size_gib

    def spec_of(self, guest_id: str) -> GuestSpec:
        """Return the latest specification of a guest."""
        return self._specs[guest_id]

    async def read_log(self, guest_id: str, bytes_max: int) -> bytes:
        with self._faults.around("read_log", self._name):
            if guest_id not in self._guests:
                return b""
            return LOG_LINE.format(name=self._specs[guest_id].name).encode()[-bytes_max:]

    async def measure(self, guest_id: str) -> GuestMetrics | None:
        """Measure an idle guest: the counters do not change."""
        with self._faults.around("measure", self._name):
            facts = self._guests.get(guest_id)
            if facts is None or facts.power is not Power.RUNNING:
                return None
            disks = (self._specs[guest_id].root_volume_id, *facts.volumes)
            return GuestMetrics(
                id=guest_id,
                cpu_s=0.0,
                memory_bytes=self._specs[guest_id].memory_mib * 2**20,
                disks=tuple(
                    DiskCounters(volume_id=disk, read_bytes=0, written_bytes=0, reads=0, writes=0)
                    for disk in disks
                ),
            )

    async def read_screen(self, guest_id: str) -> bytes:
        with self._faults.around("read_screen", self._name):
            self._require_running(guest_id)
            return PICTURE

    async def open_console(self, guest_id: str, console: Console) -> SimulatedConsole:
        with self._faults.around("open_console", self._name):
            self._require_running(guest_id)
            return self._consoles.open(guest_id, self._specs[guest_id].name, console)

    def _require_running(self, guest_id: str) -> None:
        facts = self._guests.get(guest_id)
        if facts is None or facts.power is not Power.RUNNING:
            raise DriverRefused(f"guest {guest_id} is not running: start it first")

    def power_off_inside(self, guest_id: str, *, crashed: bool) -> None:
        """Let the guest power off from inside, as a real one can."""
        known = self._guests.get(guest_id)
        if known is None or known.power is not Power.RUNNING:
            raise DriverUnavailable(f"{guest_id} is not running on {self._name}")
        reason = "the guest crashed" if crashed else "the guest shut itself down"
        self._set(
            GuestFacts(
                id=guest_id, power=Power.STOPPED, boots=known.boots, crashed=crashed, reason=reason
            )
        )
        self._on_change(self._guests[guest_id])

    def _follow_fault(self, fault: Fault | None) -> None:
        """Halt guests, or let those go on whose disk is no longer full."""
        for facts in list(self._guests.values()):
            if fault is None:
                if facts.halt is Halt.DISK_FULL:
                    self._go_on(facts.id)
            elif self._concerns(fault, facts):
                self.halt_inside(facts.id, fault.halt or Halt.PAUSED)

    def _concerns(self, fault: Fault, facts: GuestFacts) -> bool:
        here = fault.host in {None, self._name} and fault.instance in {None, facts.id}
        return here and facts.power is Power.RUNNING

    def halt_inside(self, guest_id: str, halt: Halt) -> None:
        """Let the guest stop to execute, while it stays powered on."""
        self._drop_timer(guest_id)
        self._set(msgspec.structs.replace(self._guests[guest_id], halt=halt, ready=False))
        self._on_change(self._guests[guest_id])

    def _go_on(self, guest_id: str) -> None:
        """A guest goes on where it was; this one is ready when its time to boot has passed."""
        if not self._faults.full(self._name, guest_id):
            self._set(msgspec.structs.replace(self._guests[guest_id], halt=None))
            self._on_change(self._guests[guest_id])
            self._boot(guest_id)

    def _boot(self, guest_id: str) -> None:
        self._drop_timer(guest_id)
        later = asyncio.get_running_loop().call_later
        self._timers[guest_id] = later(self._times.boot_s, self._ready, guest_id)

    def _ready(self, guest_id: str) -> None:
        self._timers.pop(guest_id, None)
        known = self._guests.get(guest_id)
        if known is not None and known.power is Power.RUNNING:
            self._set(msgspec.structs.replace(known, booted=True, ready=True))
            self._on_change(self._guests[guest_id])

    def _set(self, facts: GuestFacts) -> None:
        self._guests[facts.id] = facts
        self._write(Line(guest=facts, spec=self._specs[facts.id]))
        if facts.power is not Power.RUNNING:
            self._consoles.end(facts.id)

    def _write(self, line: Line) -> None:
        if self._journal is not None:
            self._journal.write(msgspec.json.encode(line) + b"\n")
            self._journal.flush()

    def _load(self, path: Path) -> None:
        """Replay the journal. Its last line may be incomplete: that change was not confirmed."""
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        decoder = msgspec.json.Decoder(Line)
        for raw in lines:
            try:
                self._apply(decoder.decode(raw))
            except msgspec.DecodeError:
                continue
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            for volume in self._volumes.values():
                file.write(msgspec.json.encode(Line(volume=volume)) + b"\n")
            for snapshot in self._snapshots.values():
                file.write(msgspec.json.encode(Line(snapshot=snapshot)) + b"\n")
            for facts in self._guests.values():
                line = Line(guest=facts, spec=self._specs[facts.id])
                file.write(msgspec.json.encode(line) + b"\n")
        fresh.replace(path)
        self._journal = path.open("ab")

    def _apply(self, line: Line) -> None:
        if line.guest is not None and line.spec is not None:
            self._guests[line.guest.id] = line.guest
            self._specs[line.guest.id] = line.spec
        if line.gone_guest is not None:
            self._guests.pop(line.gone_guest, None)
            self._specs.pop(line.gone_guest, None)
        if line.volume is not None:
            self._volumes[line.volume.id] = line.volume
        if line.gone_volume is not None:
            self._volumes.pop(line.gone_volume, None)
        if line.snapshot is not None:
            self._snapshots[line.snapshot.id] = line.snapshot
        if line.gone_snapshot is not None:
            self._snapshots.pop(line.gone_snapshot, None)
