"""Drivers under test, each with what a test needs around it: images, changes, guests to start."""

import asyncio
import contextlib
import os
import random
import shlex
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from atoll.domain import ids
from atoll.domain.errors import DriverBusy, DriverRefused
from atoll.domain.hosts import Capacity
from atoll.domain.images import ImageSource, SourceKind
from atoll.domain.instances import Halt
from atoll.domain.security_groups import DEFAULT_RULES
from atoll.drivers.images.build import Recipes
from atoll.drivers.images.cache import RecipeCache
from atoll.drivers.qemu.driver import QemuDriver
from atoll.drivers.qemu.kvm_probe import ProbeResult
from atoll.drivers.qemu.layers import Layers
from atoll.drivers.qemu.users import Users
from atoll.drivers.simulator.driver import SimulatorDriver, Times
from atoll.drivers.simulator.faults import FaultPlan
from atoll.messages import (
    GuestFacts,
    GuestSpec,
    ImageFacts,
    ImageSpec,
    NicSpec,
    Parcel,
    ParcelKind,
    Power,
    SeedSpec,
    SnapshotFacts,
    VolumeSpec,
)
from atoll.networks.user import UserNetwork
from atoll.ports import Driver, Network
from tests.drivers.qemu.by_hand import rescue
from tests.drivers.qemu.disk_files import content, write_pattern

RECIPES = Path(__file__).parents[2] / "images"
IMAGE_CACHE = Path.home() / ".cache/atoll/images"
RECIPE = "atoll-mini"
GUEST_UID = 64055 if os.geteuid() == 0 else None
TOOLS = Users(GUEST_UID).tools
EMULATED = ProbeResult(accelerator="tcg", emulated=True, reason="so that tests run anywhere")
READY_S = 60.0
POLL_S = 0.05
MIB = 1024 * 1024


def new_id(prefix: str) -> str:
    return ids.native(prefix, ids.compose(time.time_ns() // 10**6, random.getrandbits(80)))


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 10**6

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class Boot:
    disk: Path
    kernel: Path | None
    initrd: Path | None
    cmdline: str | None


class CopiedImages:
    """An image store that has what the recipe made, under whatever id a test asks for."""

    def __init__(self, root: Path, built: Path, cmdline: str | None) -> None:
        self._root = root
        self._built = built
        self._cmdline = cmdline

    async def ensure(self, image: ImageSpec) -> ImageFacts:
        size = (self.put(image.id) / "disk.qcow2").stat().st_size
        return ImageFacts(
            id=image.id, size_bytes=size, virtual_size_bytes=64 * MIB, checksum="sha256:0"
        )

    def put(self, image_id: str) -> Path:
        folder = self._root / image_id
        if not folder.exists():
            shutil.copytree(self._built, folder)
        return folder

    def put_disc(self, image_id: str, disc: Path) -> None:
        (self._root / image_id).mkdir(parents=True)
        shutil.copyfile(disc, self._root / image_id / "disc.iso")

    async def remove(self, image_id: str) -> None:
        shutil.rmtree(self._root / image_id, ignore_errors=True)

    def boot_of(self, image_id: str) -> Boot:
        folder = self._root / image_id
        if not folder.exists():
            raise DriverRefused(f"image {image_id} is not on this host: ensure it first")
        disc = folder / "disc.iso"
        if disc.exists():
            return Boot(disk=disc, kernel=None, initrd=None, cmdline=None)
        return Boot(
            disk=folder / "disk.qcow2",
            kernel=folder / "vmlinuz",
            initrd=folder / "initrd.img",
            cmdline=self._cmdline,
        )


class Changes:
    """What a driver reported, and a way to wait for a report."""

    def __init__(self) -> None:
        self.seen: list[GuestFacts] = []
        self._news = asyncio.Event()

    def __call__(self, facts: GuestFacts) -> None:
        self.seen.append(facts)
        self._news.set()

    async def until(
        self, wanted: Callable[[GuestFacts], bool], timeout_s: float = READY_S
    ) -> GuestFacts:
        """The first report of that kind since the last call."""
        async with asyncio.timeout(timeout_s):
            while True:
                self._news.clear()
                while self.seen:
                    facts = self.seen.pop(0)
                    if wanted(facts):
                        return facts
                await self._news.wait()


class Bench(ABC):
    """A driver on a world of its own, which the next driver object can take over."""

    key_text = ""

    def __init__(self) -> None:
        self.changes = Changes()
        self.image = ImageSpec(
            id=new_id(ids.IMAGE),
            name=RECIPE,
            source=ImageSource(kind=SourceKind.RECIPE, location=RECIPE),
        )
        self.driver: Driver = self.new_driver()

    @abstractmethod
    def new_driver(self) -> Driver: ...

    @abstractmethod
    async def write_inside(self, guest: GuestSpec, text: str) -> None:
        """Onto the guest's root volume, by the guest itself."""

    @abstractmethod
    async def read_inside(self, guest: GuestSpec) -> str: ...

    @abstractmethod
    async def shut_down_inside(self, guest: GuestSpec) -> None: ...

    @abstractmethod
    async def pause_inside(self, guest: GuestSpec) -> None:
        """Without the driver: an operator pauses it."""

    @abstractmethod
    async def write_on(self, guest: GuestSpec, volume_id: str, text: str) -> None:
        """Onto a further volume, by the guest that has it. The first time erases it."""

    @abstractmethod
    async def read_on(self, guest: GuestSpec, volume_id: str) -> str:
        """What the guest finds on a further volume, or on what was a root volume once."""

    @abstractmethod
    async def sizes_inside(self, guest: GuestSpec) -> dict[str, int]:
        """The further volumes that the guest sees, and how many GiB they have."""

    @abstractmethod
    async def left_over(self) -> list[str]:
        """What there is of volumes and snapshots, and of what is on its way."""

    @abstractmethod
    def write_at_rest(self, volume_id: str, number: int) -> None:
        """Onto a volume that no guest has; a number below 256."""

    @abstractmethod
    def read_at_rest(self, parcel: Parcel) -> Any:
        """What a volume or a snapshot holds, to be compared with another."""

    async def take_snapshot(self, volume_id: str) -> SnapshotFacts:
        return await self.driver.ensure_snapshot(new_id(ids.SNAPSHOT), volume_id)

    async def new_volume(self, size_gib: int = 1, snapshot_id: str | None = None) -> VolumeSpec:
        volume = VolumeSpec(id=new_id(ids.VOLUME), size_gib=size_gib, snapshot_id=snapshot_id)
        await self.driver.ensure_volume(volume)
        return volume

    async def configure(self, guest: GuestSpec, **changes: Any) -> GuestSpec:
        """As the engine does: asks until the guest has let go of what it shall lose."""
        wish = replace(guest, **changes)
        async with asyncio.timeout(READY_S):
            while True:
                try:
                    facts = await self.driver.ensure_configured(wish)
                except DriverBusy as busy:
                    await asyncio.sleep(min(busy.after_s, POLL_S))
                else:
                    assert facts.volumes == wish.volumes
                    return wish

    async def open(self) -> None:
        await self.driver.open(self.changes)

    async def reopen(self) -> None:
        """Another driver object takes over what the present one leaves."""
        await self.driver.close()
        self.driver = self.new_driver()
        await self.open()

    async def end(self) -> None:
        for guest in await self.driver.list():
            await self.driver.remove(guest.id)
        await self.driver.close()

    async def start_until_ready(self, guest: GuestSpec) -> GuestFacts:
        facts = await self.driver.inspect(guest.id)
        if facts is None or facts.power is Power.STOPPED:
            self.changes.seen.clear()  # they tell of an earlier run, in which it was ready
        await self.driver.ensure_running(guest)
        return await self.changes.until(lambda facts: facts.id == guest.id and facts.ready)

    async def stop_by_asking(self, guest: GuestSpec) -> GuestFacts:
        """As the engine does: asks until the guest has stopped."""
        async with asyncio.timeout(READY_S):
            while True:
                facts = await self.driver.ensure_stopped(guest.id, force=False)
                if facts.power is Power.STOPPED:
                    return facts
                await asyncio.sleep(POLL_S)

    async def new_guest(self, *, script: str = "", disk_gib: int = 1, **changes: Any) -> GuestSpec:
        """The whole wish of a guest whose volume is there. `script` is its user data."""
        volume = VolumeSpec(id=new_id(ids.VOLUME), size_gib=disk_gib, image=self.image)
        await self.driver.ensure_volume(volume)
        given: dict[str, Any] = {
            "id": new_id(ids.INSTANCE),
            "name": "web-1",
            "vcpus": 1,
            "memory_mib": 128,
            "root_volume_id": volume.id,
            "image_id": self.image.id,
            "nic": new_nic(),
            "seed": SeedSpec(
                hostname="web-1",
                ssh_keys=(self.key_text,) if self.key_text else (),
                user_data=b64encode(script.encode()).decode(),
            ),
        }
        return GuestSpec(**(given | changes))


def new_nic() -> NicSpec:
    """With a public address that hardly any other test of this machine has."""
    number = random.getrandbits(20)
    low = f"{number >> 8 & 255:02x}:{number & 255:02x}"
    return NicSpec(
        mac=f"52:54:00:00:{low}",
        private_ip="10.128.0.5",
        subnet_cidr="10.128.0.0/9",
        public_ip=f"127.{100 + (number >> 16)}.{number >> 8 & 255}.{number & 255}",
        rules=DEFAULT_RULES,
    )


class SimulatorBench(Bench):
    def __init__(self, directory: Path) -> None:
        self._journal = directory / "world.jsonl"
        self._written: dict[str, str] = {}
        super().__init__()

    def new_driver(self) -> SimulatorDriver:
        return SimulatorDriver(
            "h1",
            FaultPlan(SystemClock()),
            capacity=Capacity(vcpus=64, memory_mib=65_536, disk_gib=1000),
            times=Times(boot_s=0.02, shutdown_s=0.01),
            journal=self._journal,
        )

    async def write_inside(self, guest: GuestSpec, text: str) -> None:
        self._written[guest.root_volume_id] = text

    async def read_inside(self, guest: GuestSpec) -> str:
        return await self.read_on(guest, guest.root_volume_id)

    async def write_on(self, guest: GuestSpec, volume_id: str, text: str) -> None:
        assert volume_id in await self.sizes_inside(guest)
        self._written[volume_id] = text

    async def read_on(self, guest: GuestSpec, volume_id: str) -> str:
        assert isinstance(self.driver, SimulatorDriver)
        assert volume_id in await self.driver.volumes()
        return self._written[volume_id]

    async def sizes_inside(self, guest: GuestSpec) -> dict[str, int]:
        facts = await self.driver.inspect(guest.id)
        assert facts is not None
        assert isinstance(self.driver, SimulatorDriver)
        return {volume: self.driver.size_gib_of(volume) for volume in facts.volumes}

    async def left_over(self) -> list[str]:
        assert isinstance(self.driver, SimulatorDriver)
        kept = [*await self.driver.volumes(), *await self.driver.snapshots()]
        return [*kept, *await self.driver.under_way()]

    def write_at_rest(self, volume_id: str, number: int) -> None:
        """Simulated disks hold nothing but what they were made from."""

    def read_at_rest(self, parcel: Parcel) -> Any:
        assert isinstance(self.driver, SimulatorDriver)
        if parcel.kind is ParcelKind.VOLUME:
            return replace(self.driver.volume_of(parcel.id), id="")
        return replace(self.driver.snapshot_of(parcel.id), id="")

    async def take_snapshot(self, volume_id: str) -> SnapshotFacts:
        """Simulated disks hold nothing: what the test wrote is copied by the test."""
        facts = await super().take_snapshot(volume_id)
        self._written[facts.id] = self._written.get(volume_id, "")
        return facts

    async def new_volume(self, size_gib: int = 1, snapshot_id: str | None = None) -> VolumeSpec:
        volume = await super().new_volume(size_gib, snapshot_id)
        self._written[volume.id] = self._written.get(snapshot_id or "", "")
        return volume

    async def pause_inside(self, guest: GuestSpec) -> None:
        assert isinstance(self.driver, SimulatorDriver)
        self.driver.halt_inside(guest.id, Halt.PAUSED)

    async def shut_down_inside(self, guest: GuestSpec) -> None:
        assert isinstance(self.driver, SimulatorDriver)
        self.driver.power_off_inside(guest.id, crashed=False)


class QemuBench(Bench):
    def __init__(
        self,
        directory: Path,
        images: CopiedImages,
        starts_at_once: int = 2,
        network: Network | None = None,
    ) -> None:
        self.directory = directory
        self.state_dir = directory / "state"
        self.key = make_key(directory)
        self.key_text = self.key.with_suffix(".pub").read_text().strip()
        self.images = images
        self._starts_at_once = starts_at_once
        self.network = network
        super().__init__()

    def new_driver(self) -> QemuDriver:
        return QemuDriver(
            self.state_dir,
            self.images,
            self.network or UserNetwork(),
            SystemClock(),
            guest_uid=GUEST_UID,
            starts_at_once=self._starts_at_once,
            accelerator=EMULATED,
        )

    async def run_inside(self, guest: GuestSpec, command: str) -> str:
        facts = await self.driver.inspect(guest.id)
        assert facts is not None
        return await asyncio.to_thread(ssh, self.key, facts.ports["tcp/22"], command)

    async def write_inside(self, guest: GuestSpec, text: str) -> None:
        await self.run_inside(guest, f"echo {shlex.quote(text)} > /root/mark; sync")

    async def read_inside(self, guest: GuestSpec) -> str:
        return await self.run_inside(guest, "cat /root/mark")

    async def write_on(self, guest: GuestSpec, volume_id: str, text: str) -> None:
        disk = await self.disk_inside(guest, volume_id)
        script = (
            f"blkid {disk} | grep -q ext || mke2fs {disk} >/dev/null; mount {disk} /mnt &&"
            f" echo {shlex.quote(text)} > /mnt/mark; umount /mnt; sync"
        )
        await self.run_inside(guest, script)

    async def read_on(self, guest: GuestSpec, volume_id: str) -> str:
        disk = await self.disk_inside(guest, volume_id)
        read = "cat /mnt/mark 2>/dev/null || cat /mnt/root/mark"
        return await self.run_inside(guest, f"mount -o ro {disk} /mnt && {read}; umount /mnt")

    async def disk_inside(self, guest: GuestSpec, volume_id: str) -> str:
        """The device of a further volume, once the guest has found it."""
        name = volume_id[-20:]
        find = f"grep -lx {name} /sys/block/*/serial 2>/dev/null"
        wait = f"for i in $(seq 50); do {find} && break; sleep 0.1; done; true"
        found = await self.run_inside(guest, wait)
        assert found, f"the guest sees no disk {name}"
        return f"/dev/{found.split('/')[3]}"

    async def sizes_inside(self, guest: GuestSpec) -> dict[str, int]:
        script = "cd /sys/block && for d in vd*; do echo $(cat $d/serial) $(cat $d/size); done"
        lines = (await self.run_inside(guest, script)).splitlines()
        sectors = {line.split()[0]: int(line.split()[1]) for line in lines}
        facts = await self.driver.inspect(guest.id)
        assert facts is not None
        names = {volume[-20:]: volume for volume in facts.volumes}
        further = {name: size for name, size in sectors.items() if name not in {"root", "seed"}}
        return {names.get(name, name): size * 512 // 2**30 for name, size in further.items()}

    async def left_over(self) -> list[str]:
        names = ("volumes", "snapshots", "layers", "exports", "arrivals")
        folders = [self.state_dir / name for name in names]
        return sorted(path.name for folder in folders for path in folder.iterdir())

    def write_at_rest(self, volume_id: str, number: int) -> None:
        layer = Layers(self.state_dir, TOOLS).get_volume(volume_id).layer
        write_pattern(self.disk_of(layer), number, at_kib=number * 64)

    def read_at_rest(self, parcel: Parcel) -> bytes:
        layers = Layers(self.state_dir, TOOLS)
        volume = parcel.kind is ParcelKind.VOLUME
        found = layers.find_volume(parcel.id) if volume else layers.find_snapshot(parcel.id)
        assert found is not None
        return content(self.disk_of(found.layer), 64 * MIB)

    def disk_of(self, layer: str) -> Path:
        return self.state_dir / "layers" / layer / "disk.qcow2"

    async def pause_inside(self, guest: GuestSpec) -> None:
        await asyncio.to_thread(rescue, self.state_dir / "guests" / guest.id, "stop")

    async def shut_down_inside(self, guest: GuestSpec) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            await self.run_inside(guest, "poweroff")


async def simulator_bench(directory: Path) -> SimulatorBench:
    bench = SimulatorBench(directory)
    await bench.open()
    return bench


async def qemu_bench(directory: Path, **options: Any) -> QemuBench:
    """With the small image, built now where no earlier run has done so."""
    cache = RecipeCache(IMAGE_CACHE, Recipes(RECIPES, python=sys.executable))
    built, description = await cache.ensure(RECIPE, lambda _percent, _words: None)
    images = CopiedImages(directory / "state" / "images", built, description.cmdline)
    bench = QemuBench(directory, images, **options)
    await bench.open()
    return bench


def make_key(directory: Path) -> Path:
    key = directory / "key"
    if key.exists():
        return key
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    return key


def ssh(key: Path, address: str, command: str) -> str:
    """The command's output. Raises CalledProcessError."""
    host, _, port = address.rpartition(":")
    options = [
        *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
        *("-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20"),
    ]
    words = ["ssh", "-i", str(key), "-p", port, *options, f"root@{host}", command]
    done = subprocess.run(words, input="", capture_output=True, text=True, timeout=30, check=False)
    try:
        done.check_returncode()
    except subprocess.CalledProcessError as error:
        error.add_note(done.stderr)
        raise
    return done.stdout.strip()
