"""Real guests: `ports.Driver` for QEMU, one process per guest, controlled by QMP.

Called by the agent of a host. Guests outlive the driver: `open` adopts them again. All data of the
guests of a host is in one state directory, which only one driver can use at a time.
"""

import asyncio
import contextlib
import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from atoll.domain.errors import DriverError, DriverRefused, DriverUnavailable
from atoll.domain.hosts import Capabilities, Capacity
from atoll.drivers.disk_room import MIB, DiskRoom
from atoll.drivers.qemu import seed
from atoll.drivers.qemu.ballast import Ballast
from atoll.drivers.qemu.boot_medium import medium_of
from atoll.drivers.qemu.capacity import CapacitySettings, capacity_of
from atoll.drivers.qemu.command_line import PROGRAM, VCPUS_MAX, Boot, command_line
from atoll.drivers.qemu.console import Consoles
from atoll.drivers.qemu.devices import ROOT, SLOTS, Disk, Nic
from atoll.drivers.qemu.files import require_id
from atoll.drivers.qemu.guest import Guest
from atoll.drivers.qemu.hotplug import Hotplug, close_tap, require_places
from atoll.drivers.qemu.kvm_probe import ProbeResult
from atoll.drivers.qemu.layers import Layers
from atoll.drivers.qemu.locks import Locks, only_driver_errors
from atoll.drivers.qemu.merge import Merger, find_merges
from atoll.drivers.qemu.metrics import measure
from atoll.drivers.qemu.pci_devices import give_devices, require_devices
from atoll.drivers.qemu.process import (
    boot_id,
    end_by_pidfd,
    find_program,
)
from atoll.drivers.qemu.record import GuestFolder, Record
from atoll.drivers.qemu.start_queue import StartQueue
from atoll.drivers.qemu.strays import find_strays
from atoll.drivers.qemu.transfer import Transfers
from atoll.drivers.qemu.users import Users
from atoll.drivers.qemu.volumes import Images, Volumes
from atoll.messages import (
    Console,
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
from atoll.ports import Clock, Network, PortWiring, Stream

DRIVER = "qemu"
CHORES_S = 5.0
CHORES_A_SWEEP = 12
log = structlog.get_logger()
CAPACITY_SETTINGS = CapacitySettings()


class QemuDriver:
    """`guest_uid` is the user of QEMU; None if we are not root. `accelerator` is the result of
    `kvm_probe.probe`."""

    def __init__(
        self,
        state_dir: Path,
        images: Images,
        network: Network,
        clock: Clock,
        *,
        guest_uid: int | None,
        starts_at_once: int,
        accelerator: ProbeResult,
        capacity_settings: CapacitySettings = CAPACITY_SETTINGS,
    ) -> None:
        self._state_dir = state_dir.absolute()
        self._images = images
        self._network = network
        self._clock = clock
        self._users = Users(guest_uid)
        self._starts_at_once = starts_at_once
        self._accelerator = accelerator
        self._capacity_settings = capacity_settings
        self._room = DiskRoom(self._state_dir, capacity_settings.disk_reserve_mib * MIB)
        self._ballast = Ballast(self._state_dir / "ballast")
        self._layers = Layers(self._state_dir, self._users.tools)
        self._volumes = Volumes(self._layers, images)
        self._hotplug = Hotplug(self._volumes, network)
        self._merger = Merger(self._layers, clock)
        self._transfers = Transfers(self._layers, self._volumes, self._room)
        self._starts = StartQueue(starts_at_once, clock)
        self._guests: dict[str, Guest] = {}
        self._consoles = Consoles()
        self._alone_with = Locks().alone_with
        self._chains_changed = True
        self._merge_turn = 0
        self._chores: asyncio.Task[None] | None = None
        self._on_change: Callable[[GuestFacts], None] = lambda _: None

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            driver=DRIVER,
            accelerator=self._accelerator.accelerator,
            emulated=self._accelerator.emulated,
            guest_log=True,
            starts_at_once=self._starts_at_once,
        )

    async def open(self, on_change: Callable[[GuestFacts], None]) -> None:
        self._on_change = on_change
        programs = [PROGRAM, "qemu-img", *(["setpriv"] if self._users.base is not None else [])]
        for program in programs:
            find_program(program)
        with only_driver_errors(f"state directory {self._state_dir}"):
            folders = await asyncio.to_thread(self._prepare_folders)
            await self._network.open()
            for folder, record in folders:
                guest = self._guests[record.spec.id] = self._guest(folder, record)
                if record.uid is not None:
                    self._users.adopt(record.spec.id, record.uid)
                await guest.adopt()
            await self._end_strays()
            await asyncio.to_thread(self._ballast.keep)
            await self._take_up()
        self._chores = asyncio.create_task(self._keep_house(), name="qemu chores")

    async def _take_up(self) -> None:
        """Finish the work of an earlier process. If that fails now, the next verb on the same
        resource finishes it."""
        for guest in [guest for guest in self._guests.values() if guest.running]:
            with contextlib.suppress(DriverError):
                await guest.look()
                await self._hotplug.take_up(guest)
        for volume in await asyncio.to_thread(lambda: list(self._layers.volumes())):
            with contextlib.suppress(DriverError):
                await self._volumes.settle(volume.id, self._holder_of(volume.id))
        with contextlib.suppress(DriverError):  # a record that cannot be read: see `sweep`
            await asyncio.to_thread(self._layers.tidy)
        for guest in [guest for guest in self._guests.values() if guest.running]:
            with contextlib.suppress(DriverError):
                await asyncio.to_thread(self._volumes.grant, guest)

    def _prepare_folders(self) -> list[tuple[GuestFolder, Record]]:
        """Prepare the recorded guests. A folder without a record never had a process."""
        for path in (self._state_dir, self._guests_dir):
            path.mkdir(parents=True, exist_ok=True)
            if self._users.base is not None:
                path.chmod(path.stat().st_mode & 0o7777 | 0o111)  # QEMU's user traverses it
        self._layers.prepare()
        folders = [self._folder(path.name) for path in self._guests_dir.iterdir()]
        recorded = [(folder, folder.load()) for folder in folders]
        for folder, record in recorded:
            if record is None:
                folder.remove()
        return [(folder, record) for folder, record in recorded if record is not None]

    async def close(self) -> None:
        if self._chores is not None:
            self._chores.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._chores
        await self._consoles.close()
        await self._transfers.close()
        for guest in self._guests.values():
            await guest.let_go()
        self._guests.clear()
        await self._network.close()

    async def capacity(self) -> Capacity:
        with only_driver_errors("capacity"):
            return await capacity_of(self._capacity_settings, self._room, self._layers)

    async def ensure_image(self, image: ImageSpec) -> ImageFacts:
        return await self._images.ensure(image)

    async def remove_image(self, image_id: str) -> None:
        """Remove an image. Raises DriverRefused while volumes or snapshots depend on it."""
        await asyncio.to_thread(self._volumes.require_unused, image_id)
        await self._images.remove(image_id)

    async def ensure_volume(self, volume: VolumeSpec) -> None:
        require_id(volume.id)
        async with self._alone_with(volume.id):
            await self._volumes.ensure_volume(volume, self._holder_of(volume.id))

    async def remove_volume(self, volume_id: str) -> None:
        require_id(volume_id)
        async with self._alone_with(volume_id):
            self._require_free(volume_id)
            await self._transfers.stop(volume_id)
            await asyncio.to_thread(self._layers.remove_volume, volume_id)

    async def ensure_snapshot(self, snapshot_id: str, volume_id: str) -> SnapshotFacts:
        require_id(snapshot_id)
        async with self._alone_with(volume_id, snapshot_id):
            holder = self._holder_of(volume_id)
            self._chains_changed = True
            return await self._volumes.ensure_snapshot(snapshot_id, volume_id, holder)

    async def remove_snapshot(self, snapshot_id: str) -> None:
        require_id(snapshot_id)
        async with self._alone_with(snapshot_id):
            await self._transfers.stop(snapshot_id)
            await asyncio.to_thread(self._layers.remove_snapshot, snapshot_id)
            self._chains_changed = True

    async def ensure_export(self, export_id: str, parcel: Parcel) -> ExportFacts:
        async with self._alone_with(export_id, parcel.id):
            if parcel.kind is ParcelKind.VOLUME:
                self._require_free(parcel.id)
                await self._volumes.settle(parcel.id, None)
            return await self._transfers.ensure_export(export_id, parcel)

    async def read_export(self, export_id: str, offset: int, bytes_max: int) -> bytes:
        with only_driver_errors(export_id):
            return await self._transfers.read_export(export_id, offset, bytes_max)

    async def remove_export(self, export_id: str) -> None:
        async with self._alone_with(export_id):
            await self._transfers.remove_export(export_id)

    async def inspect_import(self, parcel: Parcel) -> ImportFacts:
        async with self._alone_with(parcel.id):
            return await self._transfers.inspect_import(parcel)

    async def write_import(self, piece: WriteImport) -> ImportFacts:
        async with self._alone_with(piece.parcel.id):
            return await self._transfers.write_import(piece)

    async def remove_import(self, parcel: Parcel) -> None:
        async with self._alone_with(parcel.id):
            await self._transfers.remove_import(parcel)

    def _holder_of(self, volume_id: str) -> Guest | None:
        """Find the running guest to which the volume is attached, or being attached or detached."""
        for guest in self._guests.values():
            record = guest.record
            named = (record.spec.root_volume_id, *record.spec.volumes, *record.volumes)
            if guest.running and volume_id in named:
                return guest
        return None

    def _require_free(self, volume_id: str, guest_id: str | None = None) -> None:
        """Require that no other running guest uses the volume."""
        holder = self._holder_of(volume_id)
        if holder is not None and holder.record.spec.id != guest_id:
            raise DriverRefused(
                f"volume {volume_id} is in use by {holder.record.spec.id}: stop that guest first"
            )

    async def ensure_running(self, guest: GuestSpec) -> GuestFacts:
        require_id(guest.id)
        async with self._alone_with(guest.id):
            known = self._guests.get(guest.id)
            if known is None or not known.running:
                async with self._alone_with(guest.root_volume_id, *guest.volumes):
                    await self._start(guest)
            else:
                await known.want_running()
                if known.record.boots < guest.boots:
                    await known.reset(guest.boots)
                await known.go_on()
            return self._guests[guest.id].facts()

    async def ensure_configured(self, guest: GuestSpec) -> GuestFacts:
        """Configure a running guest. A stopped guest gets its configuration when it starts."""
        require_id(guest.id)
        async with self._alone_with(guest.id):
            known = self._guests.get(guest.id)
            if known is None:
                return GuestFacts(id=guest.id, power=Power.STOPPED, boots=0)
            if known.running:
                await self._configure(known, guest)
            else:
                await known.change(spec=guest)
            return known.facts()

    async def _configure(self, known: Guest, guest: GuestSpec) -> None:
        before = known.facts()
        async with self._alone_with(*guest.volumes, *before.volumes):
            for volume_id in guest.volumes:
                self._require_free(volume_id, guest.id)
            try:
                await self._hotplug.configure(known, guest)
            finally:
                if known.facts() != before:
                    self._on_change(known.facts())

    async def _start(self, spec: GuestSpec) -> None:
        """Start the guest, with its volumes locked."""
        require_places(spec)
        running = (guest.record.spec for guest in self._guests.values() if guest.running)
        require_devices(spec, self._capacity_settings.devices, running)
        uid = await self._users.user_for(spec.id, self._layers.disown)
        disks = await self._disks_of(spec, uid)
        await asyncio.to_thread(give_devices, spec.devices, uid)
        image = seed.build(spec)
        self._starts.enter(spec.id)
        wirings: list[PortWiring] = []
        try:
            for nic in (spec.nic, *spec.nics):
                wirings.append(await self._network.ensure_port(spec, nic, plug=True))
            await self._spawn(spec, disks, wirings, image)
        except BaseException:
            self._starts.leave(spec.id)
            await self._network.remove_port(spec.id)
            if spec.id not in self._guests:
                await asyncio.to_thread(self._folder(spec.id).remove)
            raise
        finally:
            for wiring in wirings:
                close_tap(wiring)

    async def _spawn(
        self, spec: GuestSpec, disks: tuple[Disk, ...], wirings: list[PortWiring], image: bytes
    ) -> None:
        macs = [nic.mac for nic in (spec.nic, *spec.nics)]
        boot = self._boot_of(spec, disks, dict(zip(macs, wirings, strict=True)))
        command = command_line(spec, boot, self._accelerator.accelerator)
        known = self._guests.get(spec.id)
        guest = known or self._guest(self._folder(spec.id), Record(spec=spec))
        for mac in [mac for mac in guest.record.forwards if mac not in macs]:
            await self._network.remove_port(spec.id, mac)
        record = Record(
            spec=spec,
            boots=spec.boots,
            power=Power.RUNNING,
            ports={k: v for wiring in reversed(wirings) for k, v in wiring.ports.items()},
            forwards={nic.mac: nic.wiring.forwards for nic in boot.nics},
            volumes=spec.volumes,
            boot_id=boot_id(),
            uid=self._users.find(spec.id),
        )
        taps = [wiring.tap for wiring in wirings if wiring.tap is not None]
        privileges = self._users.privileges(
            record.uid, self._accelerator.accelerator, locks_memory=bool(spec.devices)
        )
        await guest.start(record, privileges.wrap(command), image, taps)
        self._guests[spec.id] = guest

    async def _disks_of(self, spec: GuestSpec, uid: int | None) -> tuple[Disk, ...]:
        """List the disks by slot, with paths relative to the guest's folder."""
        folder = self._guests_dir / spec.id
        disks = []
        for slot, volume_id in zip(
            (ROOT, *SLOTS), (spec.root_volume_id, *spec.volumes), strict=False
        ):
            self._require_free(volume_id)
            await self._volumes.settle(volume_id, None)
            chain = await asyncio.to_thread(self._volumes.chain_for, volume_id, folder, uid)
            disks.append(Disk(volume_id=volume_id, slot=slot, chain=chain))
        return tuple(disks)

    def _boot_of(
        self, spec: GuestSpec, disks: tuple[Disk, ...], wirings: dict[str, PortWiring]
    ) -> Boot:
        """Build the boot configuration. NICs use the slots that volumes leave free."""
        if spec.vcpus > VCPUS_MAX:
            raise DriverRefused(
                f"the guest has {spec.vcpus} vcpus, at most {VCPUS_MAX} are possible on this host"
            )
        slots = (None, *SLOTS[len(spec.volumes) :])
        return Boot(
            disks=disks,
            nics=tuple(
                Nic(mac=mac, wiring=wiring, slot=slot)
                for slot, (mac, wiring) in zip(slots, wirings.items(), strict=False)
            ),
            **medium_of(self._images, spec, self._guests_dir / spec.id),
        )

    async def ensure_stopped(self, guest_id: str, *, force: bool) -> GuestFacts:
        async with self._alone_with(guest_id):
            guest = self._guests.get(guest_id)
            if guest is None:
                return GuestFacts(id=guest_id, power=Power.STOPPED, boots=0)
            if force:
                await guest.stop()
            else:
                await guest.press_power_button()
            if not guest.running:
                self._starts.leave(guest_id)
            return guest.facts()

    async def remove(self, guest_id: str) -> None:
        async with self._alone_with(guest_id):
            guest = self._guests.get(guest_id)
            if guest is not None:
                await guest.stop()
                await asyncio.to_thread(guest.folder.remove)
                del self._guests[guest_id]
            self._starts.leave(guest_id)
            await self._network.remove_port(guest_id)
            self._users.release(guest_id)

    async def inspect(self, guest_id: str) -> GuestFacts | None:
        guest = self._guests.get(guest_id)
        return guest.facts() if guest is not None else None

    async def list(self) -> Sequence[GuestFacts]:
        return [guest.facts() for guest in self._guests.values()]

    async def read_log(self, guest_id: str, bytes_max: int) -> bytes:
        guest = self._guests.get(guest_id)
        if guest is None:
            return b""
        return await asyncio.to_thread(guest.folder.read_log, bytes_max)

    async def measure(self, guest_id: str) -> GuestMetrics | None:
        guest = self._guests.get(guest_id)
        if guest is None or not guest.running:
            return None
        return await measure(guest, await self._network.counters(guest_id))

    async def read_screen(self, guest_id: str) -> bytes:
        return await self._consoles.read_screen(self._running(guest_id))

    async def open_console(self, guest_id: str, console: Console) -> Stream:
        return await self._consoles.open(self._running(guest_id), console)

    def _running(self, guest_id: str) -> Guest:
        guest = self._guests.get(guest_id)
        if guest is None or not guest.running:
            raise DriverRefused(f"guest {guest_id} is not running: start it first")
        return guest

    async def _keep_house(self) -> None:
        for round_ in itertools.count(1):
            await self._clock.sleep(CHORES_S)
            for guest in [guest for guest in self._guests.values() if guest.running]:
                with contextlib.suppress(DriverUnavailable):
                    await asyncio.to_thread(guest.folder.trim_log)
            with contextlib.suppress(DriverError, OSError):  # retried next time
                await asyncio.to_thread(self._ballast.keep)
                if round_ % CHORES_A_SWEEP == 0:
                    await self._end_strays()
                await self._merge_some()

    async def _end_strays(self) -> None:
        """End QEMU processes of our state directory that no guest holds."""
        held = {guest.pid for guest in self._guests.values() if guest.pid is not None}
        for stray in await asyncio.to_thread(find_strays, self._guests_dir, held):
            try:
                async with self._alone_with(stray.guest_id):
                    known = self._guests.get(stray.guest_id)
                    if known is None or known.pid != stray.pid:  # not started meanwhile
                        log.warning("ended a stray QEMU", guest=stray.guest_id, pid=stray.pid)
                        end_by_pidfd(stray.pidfd)
            finally:
                os.close(stray.pidfd)

    async def _merge_some(self) -> None:
        """Run a slice of one merge; the next call tries another, in case this is blocked."""
        if not self._chains_changed:
            return
        self._chains_changed = False
        merges = await asyncio.to_thread(find_merges, self._layers)
        if not merges:
            return
        self._chains_changed = True
        self._merge_turn += 1
        merge = merges[self._merge_turn % len(merges)]
        async with self._alone_with(*merge.volume_ids):
            holders = {one: self._holder_of(one) for one in merge.volume_ids}
            running = [one for one, guest in holders.items() if guest is not None]
            if len(running) <= 1:
                volume_id = running[0] if running else merge.volume_ids[0]
                await self._merger.merge(merge, volume_id, holders[volume_id])

    def _changed(self, facts: GuestFacts) -> None:
        if facts.ready or facts.halt is not None or facts.power is Power.STOPPED:
            self._starts.leave(facts.id)
        self._ballast.note(facts)
        self._on_change(facts)

    def _guest(self, folder: GuestFolder, record: Record) -> Guest:
        return Guest(folder, record, self._clock, self._changed)

    def _folder(self, guest_id: str) -> GuestFolder:
        return GuestFolder(self._guests_dir / guest_id, self._users.base)

    @property
    def _guests_dir(self) -> Path:
        return self._state_dir / "guests"
