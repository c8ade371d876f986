"""Ports to hosts and to the outside: bus, driver, network, courier."""

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
    """Bytes in both directions. Each method raises DriverUnavailable once the other side has
    closed."""

    async def receive(self) -> bytes:
        """Return the next bytes; empty if the other side has closed."""
        ...

    async def send(self, data: bytes) -> None: ...

    async def close(self) -> None: ...


class Bus(Protocol):
    """Carries requests to the agent of one host, and reports back. A message has at most
    `MESSAGE_BYTES_MAX`; larger data is sent as a stream."""

    async def open(self) -> None: ...

    async def close(self) -> None:
        """Disconnect from every host. Requests in progress fail."""
        ...

    async def request(self, host_id: str, ask: Ask) -> Reply:
        """Send a request and return the agent's response. Raises the DriverError that the agent
        raised, DriverElsewhere if this process cannot reach the host's agent, and DriverUnavailable
        if the agent does not answer in time or the connection breaks: then it is unknown whether
        the request took effect."""
        ...

    async def connect(self, host_id: str, request: Opening, *, timeout_s: float) -> "Stream":
        """Open a connection to a console of a guest, or its log or screen as a stream that ends.
        Raises the same errors as `request`."""
        ...

    async def serve(
        self,
        host_id: str,
        handler: Callable[[Ask], Coroutine[Any, Any, Reply]],
        connector: Callable[[Opening], Coroutine[Any, Any, "Stream"]],
    ) -> Callable[[], Coroutine[Any, Any, None]]:
        """Answer this host's requests until the returned function is called. Returns when requests
        arrive."""
        ...

    async def report(self, report: Report) -> None: ...

    def on_report(self, handler: Callable[[Report], Coroutine[Any, Any, None]]) -> None: ...

    async def run(self) -> None:
        """Pass reports to their handlers, one at a time, until cancelled."""
        ...

    async def settled(self) -> None:
        """Return when all reports received so far are handled."""
        ...


class Transfers(Protocol):
    """Snapshots and volumes in transfer between hosts, as files that are read and written in
    pieces. A partial transfer outlives the process, or starts again."""

    async def ensure_export(self, export_id: str, parcel: Parcel) -> ExportFacts:
        """Raises DriverBusy until the file is complete, and DriverRefused if the parcel is not on
        this host or a running guest uses it."""
        ...

    async def read_export(self, export_id: str, offset: int, bytes_max: int) -> bytes:
        """Raises DriverUnavailable if the file no longer exists: ensure it again."""
        ...

    async def remove_export(self, export_id: str) -> None: ...

    async def inspect_import(self, parcel: Parcel) -> ImportFacts: ...

    async def write_import(self, piece: WriteImport) -> ImportFacts:
        """Write a piece: see `messages.WriteImport`. The last piece completes the parcel, unless
        the checksum of the file differs: then the file is discarded and DriverUnavailable raised.
        Raises DriverBusy during that check, and DriverRefused for a disk that is not allowed."""
        ...

    async def remove_import(self, parcel: Parcel) -> None: ...


class Driver(Transfers, Protocol):
    """One kind of hypervisor on one host. Every verb is repeatable, gets the complete
    specification, returns facts, and raises only DriverError."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def open(self, on_change: Callable[[GuestFacts], None]) -> None:
        """Adopt the guests of an earlier process, then call `on_change` whenever a guest changes by
        itself."""
        ...

    async def close(self) -> None:
        """Close the driver. Guests keep running."""
        ...

    async def capacity(self) -> Capacity: ...

    async def ensure_image(self, image: ImageSpec) -> ImageFacts:
        """Raises DriverBusy, with the percentage, during the download or build."""
        ...

    async def remove_image(self, image_id: str) -> None: ...

    async def ensure_volume(self, volume: VolumeSpec) -> None:
        """Create or grow a volume, also while a guest uses it. It never shrinks."""
        ...

    async def remove_volume(self, volume_id: str) -> None:
        """Raises DriverRefused while a running guest uses it."""
        ...

    async def ensure_snapshot(self, snapshot_id: str, volume_id: str) -> SnapshotFacts:
        """Create a snapshot in constant time, also of a running guest's volume; a repeated call
        only returns the facts. Raises DriverRefused if the volume does not exist."""
        ...

    async def remove_snapshot(self, snapshot_id: str) -> None: ...

    async def ensure_running(self, guest: GuestSpec) -> GuestFacts:
        """Raises DriverBusy while the maximum number of guests is starting on the host."""
        ...

    async def ensure_configured(self, guest: GuestSpec) -> GuestFacts:
        """Raises DriverBusy while the guest has not released a volume to be detached, and
        DriverRefused if it has no free slot."""
        ...

    async def ensure_stopped(self, guest_id: str, *, force: bool) -> GuestFacts:
        """Without `force`, the guest is asked to shut down, and may still run when this returns."""
        ...

    async def remove(self, guest_id: str) -> None:
        """Remove the guest and its own files, but no volume."""
        ...

    async def inspect(self, guest_id: str) -> GuestFacts | None: ...

    async def list(self) -> Sequence[GuestFacts]: ...

    async def read_log(self, guest_id: str, bytes_max: int) -> bytes: ...

    async def read_screen(self, guest_id: str) -> bytes:
        """Return a PNG. Raises DriverRefused if the guest is not running."""
        ...

    async def measure(self, guest_id: str) -> GuestMetrics | None:
        """Return the guest's metrics, or None if it is not running."""
        ...

    async def open_console(self, guest_id: str, console: Console) -> Stream:
        """Raises DriverRefused if the guest is not running."""
        ...


class PortWiring(msgspec.Struct, frozen=True, kw_only=True):
    """How a guest's NIC is connected: the value of QEMU's `-netdev`, without its id and forwards.

    `forwards` are the ports that QEMU itself opens, in the form of `hostfwd=`; the driver changes
    them while the guest runs. `tap` is an open descriptor that replaces `{fd}` in `netdev`: the
    driver passes it to QEMU and closes its own copy. `ports` are as in `domain.instances.Instance`.
    """

    netdev: str
    forwards: tuple[str, ...] = ()
    tap: int | None = None
    ports: dict[str, str] = {}


class Network(Protocol):
    """Connects the guests of one host. Repeatable, like a driver."""

    async def open(self) -> None:
        """Adopt the networks of an earlier process. Raises DriverRefused, with the remedy, if this
        machine cannot run such a network."""
        ...

    async def close(self) -> None:
        """Close the network. Guests stay connected."""
        ...

    async def ensure_port(self, guest: GuestSpec, nic: NicSpec, *, plug: bool) -> PortWiring:
        """Connect one NIC of the guest as it specifies: changed rules and addresses apply
        immediately, and existing connections stay. `plug` requests a new connection, for a QEMU
        that is about to get this NIC; without it there is no `tap`."""
        ...

    async def remove_port(self, guest_id: str, mac: str | None = None) -> None:
        """Remove one NIC of a guest, or all of them."""
        ...

    async def counters(self, guest_id: str) -> tuple[NicCounters, ...]: ...


class Courier(Protocol):
    """Sends requests to URLs that users chose."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a request and return the status. Raises DriverUnavailable if there is no response in
        time, and DriverRefused if connections to the address are not allowed."""
        ...


class Faults(Protocol):
    """The simulator's planned faults."""

    def add(self, fault: Fault) -> None:
        """Raises DriverRefused if there are too many."""
        ...

    def list(self) -> list[Fault]: ...

    def remove(self, fault_id: str | None = None) -> None: ...
