"""A host whose guests are records: the same verbs, states and faults as a real one, no hypervisor.

Its world outlives the process, as real guests do: every change is a line in a journal beside it.
Faults come from a `FaultPlan` that the composition root shares among all simulated hosts.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import msgspec

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.domain.hosts import Capabilities, Capacity
from atoll.drivers.faults import FaultPlan
from atoll.messages import GuestFacts, GuestSpec, ImageFacts, ImageSpec, Power, VolumeSpec

LOG_LINE = "[    0.000000] Linux version (simulated)\n{name} login: "


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """How long a simulated guest takes to say that it is ready, and to shut down by itself."""

    boot_s: float = 0.0
    shutdown_s: float = 0.0


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of the world: a guest or volume as it now is, or gone."""

    guest: GuestFacts | None = None
    name: str = ""
    gone_guest: str | None = None
    volume: VolumeSpec | None = None
    gone_volume: str | None = None


class SimulatorDriver:
    """`ports.Driver`. Without a `journal` the world ends with the object."""

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
        self._names: dict[str, str] = {}
        self._volumes: dict[str, VolumeSpec] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._on_change: Callable[[GuestFacts], None] = lambda facts: None

    async def open(self, on_change: Callable[[GuestFacts], None]) -> None:
        self._on_change = on_change
        if self._journal_path is not None:
            self._load(self._journal_path)
        for facts in list(self._guests.values()):
            if facts.power is Power.RUNNING and not facts.ready:
                self._boot(facts.id)

    async def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    async def capacity(self) -> Capacity:
        """Asked with every heartbeat: a lost host has none."""
        if self._faults.lost(self._name):
            raise DriverUnavailable(f"host {self._name} does not answer")
        return self._capacity

    async def ensure_image(self, image: ImageSpec) -> ImageFacts:
        with self._faults.around("ensure_image", self._name):
            return ImageFacts(
                id=image.id,
                size_bytes=2**20,
                virtual_size_bytes=2**30,
                checksum="sha256:" + "0" * 64,
            )

    async def remove_image(self, image_id: str) -> None:
        with self._faults.around("remove_image", self._name):
            return

    async def ensure_volume(self, volume: VolumeSpec) -> None:
        with self._faults.around("ensure_volume", self._name):
            if self._volumes.get(volume.id) != volume:
                self._volumes[volume.id] = volume
                self._write(Line(volume=volume))

    async def remove_volume(self, volume_id: str) -> None:
        with self._faults.around("remove_volume", self._name):
            if self._volumes.pop(volume_id, None) is not None:
                self._write(Line(gone_volume=volume_id))

    async def ensure_running(self, guest: GuestSpec) -> GuestFacts:
        with self._faults.around("ensure_running", self._name):
            if guest.root_volume_id not in self._volumes:
                raise DriverRefused(f"{guest.id} has no root volume {guest.root_volume_id}")
            known = self._guests.get(guest.id)
            if known is None or known.power is not Power.RUNNING or known.boots < guest.boots:
                self._names[guest.id] = guest.name
                boots = max(guest.boots, known.boots if known else 0)
                self._set(GuestFacts(id=guest.id, power=Power.RUNNING, boots=boots))
                self._boot(guest.id)
            return self._guests[guest.id]

    async def ensure_stopped(self, guest_id: str, graceful_s: float) -> GuestFacts:
        if graceful_s > 0 and self._times.shutdown_s:
            await asyncio.sleep(min(graceful_s, self._times.shutdown_s))
        with self._faults.around("ensure_stopped", self._name):
            known = self._guests.get(guest_id)
            if known is None:
                return GuestFacts(id=guest_id, power=Power.STOPPED, boots=0)
            if known.power is Power.RUNNING:
                self._set(GuestFacts(id=guest_id, power=Power.STOPPED, boots=known.boots))
            return self._guests[guest_id]

    async def remove(self, guest_id: str) -> None:
        with self._faults.around("remove", self._name):
            self._names.pop(guest_id, None)
            if timer := self._timers.pop(guest_id, None):
                timer.cancel()
            if self._guests.pop(guest_id, None) is not None:
                self._write(Line(gone_guest=guest_id))

    async def inspect(self, guest_id: str) -> GuestFacts | None:
        with self._faults.around("inspect", self._name):
            return self._guests.get(guest_id)

    async def list(self) -> Sequence[GuestFacts]:
        with self._faults.around("list", self._name):
            return list(self._guests.values())

    async def volumes(self) -> Sequence[str]:
        """What is left on the simulated disks, for whoever checks that nothing is."""
        return list(self._volumes)

    async def read_log(self, guest_id: str, bytes_max: int) -> bytes:
        with self._faults.around("read_log", self._name):
            if guest_id not in self._guests:
                return b""
            return LOG_LINE.format(name=self._names.get(guest_id, guest_id)).encode()[-bytes_max:]

    def power_off_inside(self, guest_id: str, *, crashed: bool) -> None:
        """The guest ends by itself, as a real one may at any time."""
        known = self._guests.get(guest_id)
        if known is None or known.power is not Power.RUNNING:
            raise DriverUnavailable(f"{guest_id} does not run on {self._name}")
        reason = "the guest crashed" if crashed else "the guest shut itself down"
        self._set(
            GuestFacts(
                id=guest_id, power=Power.STOPPED, boots=known.boots, crashed=crashed, reason=reason
            )
        )
        self._on_change(self._guests[guest_id])

    def _boot(self, guest_id: str) -> None:
        loop = asyncio.get_running_loop()
        if timer := self._timers.pop(guest_id, None):
            timer.cancel()
        self._timers[guest_id] = loop.call_later(self._times.boot_s, self._ready, guest_id)

    def _ready(self, guest_id: str) -> None:
        self._timers.pop(guest_id, None)
        known = self._guests.get(guest_id)
        if known is not None and known.power is Power.RUNNING:
            self._set(msgspec.structs.replace(known, ready=True))
            self._on_change(self._guests[guest_id])

    def _set(self, facts: GuestFacts) -> None:
        self._guests[facts.id] = facts
        self._write(Line(guest=facts, name=self._names.get(facts.id, "")))

    def _write(self, line: Line) -> None:
        if self._journal is not None:
            self._journal.write(msgspec.json.encode(line) + b"\n")
            self._journal.flush()

    def _load(self, path: Path) -> None:
        """Replays the journal. Its last line may be torn: that change was not answered."""
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
            for facts in self._guests.values():
                line = Line(guest=facts, name=self._names.get(facts.id, ""))
                file.write(msgspec.json.encode(line) + b"\n")
        fresh.replace(path)
        self._journal = path.open("ab")

    def _apply(self, line: Line) -> None:
        if line.guest is not None:
            self._guests[line.guest.id] = line.guest
            self._names[line.guest.id] = line.name
        if line.gone_guest is not None:
            self._guests.pop(line.gone_guest, None)
            self._names.pop(line.gone_guest, None)
        if line.volume is not None:
            self._volumes[line.volume.id] = line.volume
        if line.gone_volume is not None:
            self._volumes.pop(line.gone_volume, None)
