"""What is asked of hosts, and of the world outside: bus, driver, network, courier."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from atoll.domain.faults import Fault
from atoll.domain.hosts import Capabilities, Capacity
from atoll.messages import (
    Ask,
    Console,
    ExportFacts,
    GuestFacts,
    GuestMetrics,
    GuestSpec,
    ImageFacts,
    ImageSpec,
    ImportFacts,
    NicCounters,
    NicSpec,
    Opening,
    Parcel,
    Reply,
    Report,
    SnapshotFacts,
    VolumeSpec,
    WriteImport,
)


class Stream(Protocol):
    """Bytes both ways. Each method raises DriverUnavailable once the other side is gone."""

    async def receive(self) -> bytes:
        """The next bytes; none at all where the other side has closed."""
        ...

    async def send(self, data: bytes) -> None: ...

    async def close(self) -> None: ...


class Bus(Protocol):
    """Carries requests to the agent of one host, and reports back. No message has more than
    `MESSAGE_BYTES_MAX`; what may be larger is a stream."""

    async def open(self) -> None: ...

    async def close(self) -> None:
        """Lets go of every host. What is in flight fails."""
        ...

    async def request(self, host_id: str, ask: Ask) -> Reply:
        """The agent's answer. Raises what the agent raised (a DriverError), DriverElsewhere where
        the host's agent is not to be reached from here now, and DriverUnavailable where it does
        not answer in time or the connection breaks: whether it was done is then not known."""
        ...

    async def connect(self, host_id: str, request: Opening, *, timeout_s: float) -> "Stream":
        """A connection to one of a guest's consoles, or its log or screen as a stream that ends.
        Raises as `request` does."""
        ...

    async def serve(
        self,
        host_id: str,
        handler: Callable[[Ask], Coroutine[Any, Any, Reply]],
        connector: Callable[[Opening], Coroutine[Any, Any, "Stream"]],
    ) -> Callable[[], Coroutine[Any, Any, None]]:
        """Answers this host's requests until the returned function is called. Returns when
        requests arrive."""
        ...

    async def report(self, report: Report) -> None: ...

    def on_report(self, handler: Callable[[Report], Coroutine[Any, Any, None]]) -> None: ...

    async def run(self) -> None:
        """Hands reports to their handlers, one after the other, until it is cancelled."""
        ...

    async def settled(self) -> None:
        """Returns when every report so far was handled."""
        ...


class Transfers(Protocol):
    """Snapshots and volumes on their way from one host to another, as files that are read and
    written in pieces. What is half done outlives the process, or begins anew."""

    async def ensure_export(self, export_id: str, parcel: Parcel) -> ExportFacts:
        """Raises DriverBusy until the file is whole, and DriverRefused where the parcel is not
        here or a running guest has it."""
        ...

    async def read_export(self, export_id: str, offset: int, bytes_max: int) -> bytes:
        """Raises DriverUnavailable where the file is no more: ensure it again."""
        ...

    async def remove_export(self, export_id: str) -> None: ...

    async def inspect_import(self, parcel: Parcel) -> ImportFacts: ...

    async def write_import(self, piece: WriteImport) -> ImportFacts:
        """See `messages.WriteImport`. With the last piece the parcel is there, unless the file is
        not what the checksum says: then it is thrown away, and DriverUnavailable raised. Raises
        DriverBusy while that is found out, and DriverRefused for a disk that is not let in."""
        ...

    async def remove_import(self, parcel: Parcel) -> None: ...


class Driver(Transfers, Protocol):
    """One kind of hypervisor on one host. Every verb may be repeated at any time, is given the
    whole wish, returns facts, and raises only DriverError."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def open(self, on_change: Callable[[GuestFacts], None]) -> None:
        """Takes up what an earlier process left, then calls `on_change` whenever a guest
        changes by itself."""
        ...

    async def close(self) -> None:
        """Lets go. Guests run on."""
        ...

    async def capacity(self) -> Capacity: ...

    async def ensure_image(self, image: ImageSpec) -> ImageFacts:
        """Raises DriverBusy, with the percentage, while it is being fetched or built."""
        ...

    async def remove_image(self, image_id: str) -> None: ...

    async def ensure_volume(self, volume: VolumeSpec) -> None:
        """Makes it, or lets it grow, also below a running guest. Never shrinks it."""
        ...

    async def remove_volume(self, volume_id: str) -> None:
        """Raises DriverRefused while a running guest has it."""
        ...

    async def ensure_snapshot(self, snapshot_id: str, volume_id: str) -> SnapshotFacts:
        """Takes it in constant time, of a running guest's volume too; a second time it only says
        what there is. Raises DriverRefused where there is no such volume."""
        ...

    async def remove_snapshot(self, snapshot_id: str) -> None: ...

    async def ensure_running(self, guest: GuestSpec) -> GuestFacts:
        """Raises DriverBusy while the host has enough guests starting already."""
        ...

    async def ensure_configured(self, guest: GuestSpec) -> GuestFacts:
        """Raises DriverBusy while the guest has not let go of a volume that it shall lose, and
        DriverRefused where it has no place for one more."""
        ...

    async def ensure_stopped(self, guest_id: str, *, force: bool) -> GuestFacts:
        """Without `force` the guest is asked, and the facts may say that it still runs."""
        ...

    async def remove(self, guest_id: str) -> None:
        """The guest and all that is its own, but no volume."""
        ...

    async def inspect(self, guest_id: str) -> GuestFacts | None: ...

    async def list(self) -> Sequence[GuestFacts]: ...

    async def read_log(self, guest_id: str, bytes_max: int) -> bytes: ...

    async def read_screen(self, guest_id: str) -> bytes:
        """PNG. Raises DriverRefused where the guest does not run."""
        ...

    async def measure(self, guest_id: str) -> GuestMetrics | None:
        """None where the guest does not run."""
        ...

    async def open_console(self, guest_id: str, console: Console) -> Stream:
        """Raises DriverRefused where the guest does not run."""
        ...


class PortWiring(msgspec.Struct, frozen=True, kw_only=True):
    """How a guest's NIC is connected: the value of QEMU's `-netdev`, without its id and forwards.

    `forwards` are what QEMU itself shall let in, each as in `hostfwd=`; the driver changes them
    while the guest runs. `tap` is an open descriptor that stands for `{fd}` in `netdev`: the
    driver hands it to QEMU and closes its own. `ports` are as in `domain.instances.Instance`.
    """

    netdev: str
    forwards: tuple[str, ...] = ()
    tap: int | None = None
    ports: dict[str, str] = {}


class Network(Protocol):
    """Connects the guests of one host. Repeatable, like a driver."""

    async def open(self) -> None:
        """Takes up what an earlier process left. Raises DriverRefused, with what to do, where
        this machine cannot carry such a network."""
        ...

    async def close(self) -> None:
        """Lets go. Guests keep their network."""
        ...

    async def ensure_port(self, guest: GuestSpec, nic: NicSpec, *, plug: bool) -> PortWiring:
        """The NIC, one of the guest's own, connected as it says: rules and addresses that changed
        apply at once, and connections that were let in stay. `plug` asks for a new connection,
        for a QEMU that is about to be given this NIC; without it there is no `tap`."""
        ...

    async def remove_port(self, guest_id: str, mac: str | None = None) -> None:
        """One NIC of a guest, or all of them."""
        ...

    async def counters(self, guest_id: str) -> tuple[NicCounters, ...]: ...


class Courier(Protocol):
    """Sends what users asked to be sent to addresses of theirs."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer. Raises DriverUnavailable where there is none in time, and
        DriverRefused where the address may not be connected to."""
        ...


class Faults(Protocol):
    """The simulator's plan of what shall go wrong."""

    def add(self, fault: Fault) -> None:
        """Raises DriverRefused where there are too many."""
        ...

    def list(self) -> list[Fault]: ...

    def remove(self, fault_id: str | None = None) -> None: ...
