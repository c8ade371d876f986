"""The seams: what the layers above ask of store, bus, drivers, networks and clock.

Nothing here is implemented here. Each port has one contract suite in `tests/contract/` that
every implementation passes.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol, TypeVar

import msgspec

from atoll.domain.events import AuditRecord, Event, IdempotencyRecord
from atoll.domain.faults import Fault
from atoll.domain.floating_ips import FloatingIp
from atoll.domain.hosts import Capabilities, Capacity, Host, Reservation
from atoll.domain.images import Image
from atoll.domain.instances import Instance
from atoll.domain.networks import Subnet, Vpc
from atoll.domain.operations import Operation, StepRecord
from atoll.domain.plans import Plan
from atoll.domain.projects import ApiKey, Project
from atoll.domain.quotas import Amounts, Quota
from atoll.domain.regions import Region
from atoll.domain.security_groups import SecurityGroup
from atoll.domain.snapshots import Snapshot
from atoll.domain.ssh_keys import SshKey
from atoll.domain.startup_scripts import StartupScript
from atoll.domain.timers import Timer
from atoll.domain.volumes import Volume
from atoll.domain.webhooks import Webhook
from atoll.messages import (
    Console,
    GuestFacts,
    GuestMetrics,
    GuestSpec,
    ImageFacts,
    ImageSpec,
    NicCounters,
    NicSpec,
    OpenConsole,
    Reply,
    Report,
    Request,
    SnapshotFacts,
    VolumeSpec,
)

T = TypeVar("T")


class Clock(Protocol):
    """Time. A test's clock jumps; nothing else in the system knows what time it is."""

    def now_ms(self) -> int: ...

    async def sleep(self, seconds: float) -> None: ...


class Ids(Protocol):
    def new(self, prefix: str) -> str: ...


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What a page shows, in rising order of id. `project_id` None means all projects; `any_of` is
    an OR of ANDs of (column, allowed values); `uses` is the id of a thing that each of them needs;
    `after` is the last id of the page before."""

    project_id: str | None = None
    name: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    any_of: tuple[tuple[tuple[str, tuple[str, ...]], ...], ...] = ()
    uses: str | None = None
    after: str | None = None
    limit: int = 100
    descending: bool = False


class Rows(Protocol[T]):
    """The rows of one noun. Reads see what is committed; writes are held back until the
    transaction's block ends and then happen together, or not at all."""

    async def get(self, thing_id: str) -> T:
        """Raises NotFound."""
        ...

    async def find(self, thing_id: str) -> T | None: ...

    async def named(self, project_id: str | None, name: str) -> list[T]:
        """All things of that name, at most ten."""
        ...

    async def page(self, wanted: Filter) -> list[T]: ...

    def claim_name(self, project_id: str, name: str) -> None:
        """The commit raises AlreadyExists where a thing of the project has the name."""
        ...

    def add(self, thing: T) -> None:
        """The commit raises AlreadyExists where the id is taken."""
        ...

    def change(self, thing: T, **changes: Any) -> T:
        """The same thing with these changes and the next version. The commit raises Lost where
        somebody else changed it since it was read."""
        ...

    def remove(self, thing: T) -> None:
        """The commit raises Lost where somebody else changed or removed it since it was read."""
        ...


class Operations(Protocol):
    async def get(self, operation_id: str) -> Operation: ...

    async def find(self, operation_id: str) -> Operation | None: ...

    async def page(self, wanted: Filter) -> list[Operation]: ...

    async def live_on(self, resource_id: str) -> list[Operation]:
        """Those that have not ended, in the order in which they will be carried out."""
        ...

    async def steps_of(self, operation_id: str) -> list[StepRecord]: ...

    async def next_due_ms(self) -> int | None:
        """When the earliest claimable operation falls due."""
        ...

    async def claim(
        self, engine: str, now_ms: int, lease_until_ms: int, limit: int
    ) -> list[Operation]:
        """Takes operations that are due, at once and for this engine alone."""
        ...

    async def extend(self, engine: str, operation_ids: Sequence[str], until_ms: int) -> None:
        """Prolongs the leases that this engine still holds."""
        ...

    async def abandon(self, engine: str, now_ms: int) -> int:
        """Frees what a dead engine of this name held; says how many. Also heads whose turn was
        lost are made due again."""
        ...

    def enqueue(self, operation: Operation, now_ms: int) -> None:
        """Due at once, or behind the operations that are live on the same resource."""
        ...

    def advance(self, operation: Operation, **changes: Any) -> Operation:
        """Writes under the claim. The commit raises Lost where the claim was overtaken."""
        ...

    def finish(self, operation: Operation, now_ms: int, **changes: Any) -> Operation:
        """Ends it under the claim and makes the next one on the resource due."""
        ...

    def cancel(self, operation: Operation, now_ms: int) -> None:
        """Asks for its end; due at once unless an engine is at it."""
        ...

    def retry(self, operation: Operation, now_ms: int, **changes: Any) -> Operation:
        """Makes an ended operation live again, behind those live on its resource."""
        ...

    def record(self, step: StepRecord) -> None: ...


class Hosts(Rows[Host], Protocol):
    async def reservation(self, instance_id: str) -> Reservation | None: ...

    def reserve(self, reservation: Reservation) -> None:
        """The commit raises Lost where the host has no room any more."""
        ...

    def release(self, reservation: Reservation) -> None: ...


class Addresses(Protocol):
    async def find(self, scope: str, instance_id: str) -> int | None: ...

    async def count(self) -> int: ...

    def take(self, scope: str, instance_id: str, first: int, last: int) -> None:
        """The next number of the scope. The commit raises NoCapacity when it is full."""
        ...

    async def pick(self, scope: str, holder_id: str, first: int, last: int) -> int:
        """The same number, but known at once: for what is rare. Raises NoCapacity; the commit
        raises Lost where somebody else took it meanwhile."""
        ...

    def release(self, instance_id: str, scope: str | None = None) -> None:
        """All that it holds, or its address in one scope."""
        ...


class Webhooks(Rows[Webhook], Protocol):
    async def due(self, now_ms: int, limit: int) -> list[Webhook]:
        """Those whose time has come, the oldest first."""
        ...


class Timers(Rows[Timer], Protocol):
    async def due(self, now_ms: int, limit: int) -> list[Timer]:
        """Those whose time has come, the oldest first."""
        ...


class Quotas(Protocol):
    async def find(self, project_id: str) -> Quota | None: ...

    def add(self, project_id: str) -> None:
        """Begins to count. The commit raises Lost where somebody did already."""
        ...

    def take(self, project_id: str, amounts: Amounts) -> None:
        """The commit raises Lost where it would be more than the limits allow."""
        ...

    def give_back(self, project_id: str, amounts: Amounts) -> None: ...

    def limit(self, project_id: str, limits: Mapping[str, int]) -> None:
        """What is not named is not limited. What is used already stays."""
        ...


class Events(Protocol):
    async def after(self, project_id: str | None, seq: str, limit: int) -> list[Event]: ...

    async def last(self) -> str: ...

    def add(self, event: Event) -> None: ...


class Audit(Protocol):
    async def page(self, wanted: Filter) -> list[AuditRecord]: ...

    def add(self, record: AuditRecord) -> None: ...


class Idempotency(Protocol):
    async def find(self, key_id: str, key: str) -> IdempotencyRecord | None: ...

    def add(self, record: IdempotencyRecord) -> None:
        """The commit raises Lost where the same key was used in the meantime."""
        ...

    def forget(self, before_ms: int) -> None: ...


class Transaction(Protocol):
    """Reads, and the writes that are committed together when its block ends without an error."""

    @property
    def instances(self) -> Rows[Instance]: ...
    @property
    def images(self) -> Rows[Image]: ...
    @property
    def plans(self) -> Rows[Plan]: ...
    @property
    def regions(self) -> Rows[Region]: ...
    @property
    def ssh_keys(self) -> Rows[SshKey]: ...
    @property
    def startup_scripts(self) -> Rows[StartupScript]: ...
    @property
    def vpcs(self) -> Rows[Vpc]: ...
    @property
    def subnets(self) -> Rows[Subnet]: ...
    @property
    def security_groups(self) -> Rows[SecurityGroup]: ...
    @property
    def volumes(self) -> Rows[Volume]: ...
    @property
    def snapshots(self) -> Rows[Snapshot]: ...
    @property
    def floating_ips(self) -> Rows[FloatingIp]: ...
    @property
    def projects(self) -> Rows[Project]: ...
    @property
    def api_keys(self) -> Rows[ApiKey]: ...
    @property
    def operations(self) -> Operations: ...
    @property
    def hosts(self) -> Hosts: ...
    @property
    def addresses(self) -> Addresses: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def timers(self) -> Timers: ...
    @property
    def quotas(self) -> Quotas: ...
    @property
    def events(self) -> Events: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def idempotency(self) -> Idempotency: ...

    def discard(self) -> None:
        """Forgets all writes held back so far (a dry run)."""
        ...


class Watch(Protocol):
    async def wait(self, timeout_s: float) -> None:
        """Returns at the next commit on the topic since the last wait, or after the timeout.
        A hint only: a commit of another process is noticed by the timeout."""
        ...


class Store(Protocol):
    """The database. `transaction()` commits at the end of its block; `read()` never writes."""

    def transaction(self, *, fresh: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """What changes rarely may be read as it was a second ago, unless `fresh` is asked for."""
        ...

    def read(self) -> Transaction: ...

    def watch(self, topic: str) -> AbstractContextManager["Watch"]:
        """Tells of commits that touch a topic: the id of an operation or resource, or `events`."""
        ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...


class Stream(Protocol):
    """Bytes both ways. Each method raises DriverUnavailable once the other side is gone."""

    async def receive(self) -> bytes:
        """The next bytes; none at all where the other side has closed."""
        ...

    async def send(self, data: bytes) -> None: ...

    async def close(self) -> None: ...


class Bus(Protocol):
    """Carries requests to the agent of one host, and reports back."""

    async def request(self, host_id: str, request: Request, *, timeout_s: float) -> Reply:
        """The agent's answer. Raises what the agent raised (a DriverError), DriverElsewhere where
        the host's agent is not to be reached from here now, and DriverUnavailable where it does
        not answer in time."""
        ...

    def serve(
        self,
        host_id: str,
        handler: Callable[[Request], Coroutine[Any, Any, Reply]],
        connector: Callable[[OpenConsole], Coroutine[Any, Any, "Stream"]],
    ) -> Callable[[], None]:
        """Answers this host's requests until the returned function is called."""
        ...

    async def connect(self, host_id: str, request: OpenConsole, *, timeout_s: float) -> "Stream":
        """A connection to one of a guest's consoles. Raises as `request` does."""
        ...

    async def report(self, report: Report) -> None: ...

    def on_report(self, handler: Callable[[Report], Coroutine[Any, Any, None]]) -> None: ...


class Driver(Protocol):
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
    driver hands it to QEMU and closes its own. `ports` maps each open guest port, as `tcp/22`, to
    where it is reached: `127.16.0.5:22`.
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
