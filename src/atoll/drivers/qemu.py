"""Real guests: `ports.Driver` for QEMU, one process per guest, told what to do by QMP.

The agent of a host calls it. Guests outlive it: `open` takes them up again. Everything about a
host's guests lies below one state directory, and only one driver at a time may use that.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from weakref import WeakValueDictionary

import msgspec
import psutil

from atoll.domain.errors import DriverBusy, DriverRefused, DriverUnavailable
from atoll.domain.hosts import Capabilities, Capacity
from atoll.drivers import seed
from atoll.drivers.accelerator import Verdict
from atoll.drivers.qemu_args import PROGRAM, VCPUS_MAX, Boot, command_line
from atoll.drivers.qemu_disks import GIB, Images, Volumes, ensure_volume, require_id
from atoll.drivers.qemu_folder import GuestFolder, Record
from atoll.drivers.qemu_guest import Guest
from atoll.drivers.qemu_process import Privileges, find_program, supplementary_groups
from atoll.messages import GuestFacts, GuestSpec, ImageFacts, ImageSpec, Power, VolumeSpec
from atoll.ports import Clock, Network

DRIVER = "qemu"
START_S = 60
GRACEFUL_REBOOT_S = 60.0
CHORES_S = 5.0
MEMORY_SHARE = 0.9
MIB = 1024 * 1024


class Overcommit(msgspec.Struct, frozen=True, kw_only=True):
    """How often a processor, or a byte of the disk, is promised. Memory is promised once."""

    vcpus: int = 16
    disk: int = 10


OVERCOMMIT = Overcommit()


class StartQueue:
    """How many guests may be between start and ready: more at once make all of them slower. One
    that never says that it is ready leaves after a minute."""

    def __init__(self, starts_at_once: int, clock: Clock) -> None:
        self._starts_at_once = starts_at_once
        self._clock = clock
        self._until_ms: dict[str, int] = {}

    def enter(self, guest_id: str) -> None:
        """Raises DriverBusy while there is no place."""
        now_ms = self._clock.now_ms()
        self._until_ms = {one: at for one, at in self._until_ms.items() if at > now_ms}
        if guest_id not in self._until_ms and len(self._until_ms) >= self._starts_at_once:
            raise DriverBusy(
                f"{len(self._until_ms)} guests are starting on this host, which is as many as it "
                "starts at once",
                after_s=1.0,
            )
        self._until_ms[guest_id] = now_ms + START_S * 1000

    def leave(self, guest_id: str) -> None:
        self._until_ms.pop(guest_id, None)


class QemuDriver:
    """`guest_uid`: the user that QEMU runs as; None where we are not root. `accelerator` is what
    `accelerator.probe` found."""

    def __init__(
        self,
        state_dir: Path,
        images: Images,
        network: Network,
        clock: Clock,
        *,
        guest_uid: int | None,
        starts_at_once: int,
        accelerator: Verdict,
        overcommit: Overcommit = OVERCOMMIT,
    ) -> None:
        self._state_dir = state_dir.absolute()
        self._images = images
        self._network = network
        self._clock = clock
        self._guest_uid = guest_uid
        self._starts_at_once = starts_at_once
        self._accelerator = accelerator
        self._overcommit = overcommit
        self._volumes = Volumes(self._state_dir, guest_uid)
        self._starts = StartQueue(starts_at_once, clock)
        self._guests: dict[str, Guest] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
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
        programs = [PROGRAM, "qemu-img", *(["setpriv"] if self._guest_uid is not None else [])]
        for program in programs:
            find_program(program)
        with only_driver_errors(f"state directory {self._state_dir}"):
            for folder, record in await asyncio.to_thread(self._prepare_folders):
                guest = self._guests[record.spec.id] = self._guest(folder, record)
                await guest.adopt()
        self._chores = asyncio.create_task(self._keep_house(), name="qemu chores")

    def _prepare_folders(self) -> list[tuple[GuestFolder, Record]]:
        """The guests on record. A folder without a record is from before any process."""
        for path in (self._state_dir, self._guests_dir, self._state_dir / "volumes"):
            path.mkdir(parents=True, exist_ok=True)
            if self._guest_uid is not None:
                path.chmod(path.stat().st_mode & 0o7777 | 0o111)  # QEMU's user passes through
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
        for guest in self._guests.values():
            await guest.let_go()
        self._guests.clear()

    async def capacity(self) -> Capacity:
        with only_driver_errors("capacity"):
            taken_bytes = await asyncio.to_thread(self._volumes.allocated_bytes)
            free_bytes = (await asyncio.to_thread(shutil.disk_usage, self._state_dir)).free
        return Capacity(
            vcpus=(os.cpu_count() or 1) * self._overcommit.vcpus,
            memory_mib=int(psutil.virtual_memory().total * MEMORY_SHARE) // MIB,
            disk_gib=(free_bytes + taken_bytes) * self._overcommit.disk // GIB,
        )

    async def ensure_image(self, image: ImageSpec) -> ImageFacts:
        return await self._images.ensure(image)

    async def remove_image(self, image_id: str) -> None:
        """Refuses while volumes stand on it: without their base they are lost."""
        volumes = await asyncio.to_thread(lambda: list(self._volumes.all()))
        users = [volume.id for volume in volumes if volume.image_id == image_id]
        if users:
            raise DriverRefused(
                f"image {image_id} is the base of {len(users)} volumes on this host, of "
                f"{users[0]} for one: delete those first"
            )
        await self._images.remove(image_id)

    async def ensure_volume(self, volume: VolumeSpec) -> None:
        async with self._alone_with(volume.id):
            await ensure_volume(self._volumes, self._images, volume)

    async def remove_volume(self, volume_id: str) -> None:
        require_id(volume_id)
        for guest in self._guests.values():
            if guest.running and guest.record.spec.root_volume_id == volume_id:
                raise DriverRefused(
                    f"volume {volume_id} is in use by {guest.record.spec.id}: stop that first"
                )
        async with self._alone_with(volume_id):
            await asyncio.to_thread(self._volumes.remove, volume_id)

    async def ensure_running(self, guest: GuestSpec) -> GuestFacts:
        require_id(guest.id)
        async with self._alone_with(guest.id):
            known = self._guests.get(guest.id)
            if known is None or not known.running:
                await self._start(guest)
            elif known.record.boots < guest.boots:
                await self._reboot(known, guest)
            return self._guests[guest.id].facts()

    async def _start(self, spec: GuestSpec) -> None:
        boot = await asyncio.to_thread(self._boot_of, spec)
        image = seed.build(spec)
        self._starts.enter(spec.id)
        try:
            wiring = await self._network.ensure_port(spec.id, spec.nic)
            command = command_line(spec, boot, wiring.netdev, self._accelerator.accelerator)
            known = self._guests.get(spec.id)
            guest = known or self._guest(self._folder(spec.id), Record(spec=spec))
            await guest.start(spec, self._privileges().wrap(command), image, wiring.ports)
            self._guests[spec.id] = guest
        except BaseException:
            self._starts.leave(spec.id)
            await self._network.remove_port(spec.id)
            if spec.id not in self._guests:
                await asyncio.to_thread(self._folder(spec.id).remove)
            raise

    async def _reboot(self, guest: Guest, spec: GuestSpec) -> None:
        """Gracefully by the guest's own shutdown and a fresh start, which reads the whole wish."""
        if not spec.graceful_reboot:
            await guest.reset(spec.boots)
            return
        self._starts.enter(spec.id)
        await guest.stop(GRACEFUL_REBOOT_S)
        await self._start(spec)

    def _boot_of(self, spec: GuestSpec) -> Boot:
        """Paths as QEMU reads them, from the guest's folder."""
        if spec.vcpus > VCPUS_MAX:
            raise DriverRefused(f"{spec.vcpus} vcpus: a guest has at most {VCPUS_MAX} here")
        volume = self._volumes.find(spec.root_volume_id)
        if volume is None:
            raise DriverRefused(
                f"volume {spec.root_volume_id} of {spec.id} is not on this host: ensure it first"
            )
        image = self._images.boot_of(spec.image_id)
        start = self._guests_dir / spec.id
        return Boot(
            disk=os.path.relpath(self._volumes.disk_of(volume.id), start),
            base=os.path.relpath(self._state_dir / volume.base, start) if volume.base else None,
            kernel=os.path.relpath(image.kernel, start) if image.kernel else None,
            initrd=os.path.relpath(image.initrd, start) if image.initrd else None,
            cmdline=image.cmdline,
        )

    async def ensure_stopped(self, guest_id: str, graceful_s: float) -> GuestFacts:
        async with self._alone_with(guest_id):
            guest = self._guests.get(guest_id)
            if guest is None:
                return GuestFacts(id=guest_id, power=Power.STOPPED, boots=0)
            await guest.stop(graceful_s)
            self._starts.leave(guest_id)
            return guest.facts()

    async def remove(self, guest_id: str) -> None:
        async with self._alone_with(guest_id):
            guest = self._guests.get(guest_id)
            if guest is not None:
                await guest.stop(0)
                await asyncio.to_thread(guest.folder.remove)
                del self._guests[guest_id]
            self._starts.leave(guest_id)
            await self._network.remove_port(guest_id)

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

    async def _keep_house(self) -> None:
        while True:
            await self._clock.sleep(CHORES_S)
            for guest in [guest for guest in self._guests.values() if guest.running]:
                with contextlib.suppress(DriverUnavailable):
                    await asyncio.to_thread(guest.folder.trim_log)

    def _changed(self, facts: GuestFacts) -> None:
        if facts.ready or facts.power is Power.STOPPED:
            self._starts.leave(facts.id)
        self._on_change(facts)

    def _guest(self, folder: GuestFolder, record: Record) -> Guest:
        return Guest(folder, record, self._clock, self._changed)

    def _folder(self, guest_id: str) -> GuestFolder:
        return GuestFolder(self._guests_dir / guest_id, self._guest_uid)

    @property
    def _guests_dir(self) -> Path:
        return self._state_dir / "guests"

    def _privileges(self) -> Privileges:
        groups = supplementary_groups(self._accelerator.accelerator, self._guest_uid)
        return Privileges(uid=self._guest_uid, groups=groups)

    @contextlib.asynccontextmanager
    async def _alone_with(self, thing_id: str) -> AsyncIterator[None]:
        """One verb at a time on one thing. The lock lives while somebody holds or awaits it."""
        lock = self._locks.get(thing_id)
        if lock is None:
            lock = self._locks[thing_id] = asyncio.Lock()
        async with lock:
            with only_driver_errors(thing_id):
                yield


@contextlib.contextmanager
def only_driver_errors(what: str) -> Iterator[None]:
    """A full disk, for one, shows itself anywhere."""
    try:
        yield
    except OSError as error:
        raise DriverUnavailable(f"{what}: this host could not do it: {error}") from error
