"""What is asked of the database: rows of nouns, and the transactions that change them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol, TypeVar

import msgspec

from atoll.domain.apis import Api, ApiDocument
from atoll.domain.events import AuditRecord, Event, IdempotencyRecord
from atoll.domain.floating_ips import FloatingIp
from atoll.domain.hosts import Host, Reservation
from atoll.domain.images import Image
from atoll.domain.instances import Instance
from atoll.domain.networks import Subnet, Vpc
from atoll.domain.operations import Operation, StepRecord
from atoll.domain.plans import Plan
from atoll.domain.projects import ApiKey, Project
from atoll.domain.quotas import Amounts, Quota
from atoll.domain.regions import Region
from atoll.domain.reverse_dns import ReverseRecord
from atoll.domain.security_groups import SecurityGroup
from atoll.domain.snapshots import Snapshot
from atoll.domain.ssh_keys import SshKey
from atoll.domain.startup_scripts import StartupScript
from atoll.domain.timers import Timer
from atoll.domain.volumes import Volume
from atoll.domain.webhooks import Webhook

T = TypeVar("T")


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """The things that a page shows, in rising order of id.

    `project_id` None means all projects. `any_of` is an OR of ANDs of (column, allowed values);
    with it deleted things are shown too. `equals` are columns with one value each. `uses` is the id
    of a thing that each of them needs. `after` is the last id of the page before. `offset` skips so
    many at the start, for pages by number: they are counted in an index, and the rest moves when
    something comes or goes between two pages."""

    project_id: str | None = None
    name: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    any_of: tuple[tuple[tuple[str, tuple[str, ...]], ...], ...] = ()
    equals: tuple[tuple[str, str | bool], ...] = ()
    uses: str | None = None
    after: str | None = None
    offset: int = 0
    limit: int = 100
    descending: bool = False


class Rows(Protocol[T]):
    """The rows of one noun. Writes are held back until the transaction's block ends and then happen
    together, or not at all. `get` and `find` see what the transaction itself wrote, so that one use
    case can follow another in it; lists see what is committed."""

    async def get(self, thing_id: str) -> T:
        """Raises NotFound."""
        ...

    async def find(self, thing_id: str) -> T | None: ...

    async def named(self, project_id: str | None, name: str) -> list[T]:
        """All things of that name, at most ten."""
        ...

    async def page(self, wanted: Filter) -> list[T]: ...

    async def count(self, wanted: Filter) -> int:
        """How many there are on all pages after `after`, whatever the offset and the limit."""
        ...

    def claim_name(self, project_id: str, name: str, *, chosen: bool = False) -> None:
        """The commit raises AlreadyExists where a thing of the project has the name, and Lost where
        the name was `chosen` for it and another will do."""
        ...

    def add(self, thing: T) -> None:
        """The commit raises AlreadyExists where the id is taken, and Lost where something that it
        uses is gone."""
        ...

    def change(self, thing: T, **changes: Any) -> T:
        """The same thing with these changes and the next version. The commit raises Lost where
        somebody else changed it since it was read."""
        ...

    def remove(self, thing: T) -> None:
        """The commit raises Lost where somebody else changed or removed it since it was read, and
        where it is in use."""
        ...


class Forgets(Protocol):
    """What piles up, and is thrown away when it is old."""

    async def forget(self, before_ms: int, limit: int) -> int:
        """Of what is older, at most `limit` are thrown away, at once. Says how many were."""
        ...


class Operations(Forgets, Protocol):
    """Only those that have ended are forgotten, with their steps."""

    async def get(self, operation_id: str) -> Operation: ...

    async def find(self, operation_id: str) -> Operation | None: ...

    async def page(self, wanted: Filter) -> list[Operation]: ...

    async def live_on(self, resource_id: str) -> list[Operation]:
        """Those that have not ended, in the order in which they will be carried out."""
        ...

    async def waiting(self, project_id: str, at_most: int) -> int:
        """How many of a project have not begun, counted up to `at_most`."""
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
    async def every(self) -> list[Host]:
        """All there are, however many."""
        ...

    async def candidates(self, region: str) -> Sequence[str]:
        """The ids of those in a region that take instances, full or not, as it was up to a second
        ago."""
        ...

    async def reservation(self, instance_id: str) -> Reservation | None: ...

    def reserve(self, reservation: Reservation) -> None:
        """The commit raises Lost where the host has no room any more."""
        ...

    def release(self, reservation: Reservation) -> None: ...

    def change_reservation(self, held: Reservation, wanted: Reservation) -> None:
        """On the same host; `wanted` may bear another id. The commit raises Lost where there is no
        room for more, or where what is held is no longer so."""
        ...


class Addresses(Protocol):
    async def find(self, scope: str, instance_id: str) -> int | None: ...

    async def holder(self, scope: str, number: int) -> str | None:
        """Who has it."""
        ...

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


class Due(Rows[T], Protocol[T]):
    """Things that are due at some time."""

    async def due(self, now_ms: int, limit: int) -> list[T]:
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


class Events(Forgets, Protocol):
    """Whoever reads on from a forgotten one reads on with the oldest that is left."""

    async def after(self, project_id: str | None, seq: str, limit: int) -> list[Event]: ...

    async def last(self) -> str: ...

    def add(self, event: Event) -> None: ...


class Audit(Forgets, Protocol):
    async def page(self, wanted: Filter) -> list[AuditRecord]: ...

    def add(self, record: AuditRecord) -> None: ...


class Idempotency(Forgets, Protocol):
    async def find(self, key_id: str, key: str) -> IdempotencyRecord | None: ...

    def add(self, record: IdempotencyRecord) -> None:
        """The commit raises Lost where the same key was used in the meantime."""
        ...


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
    def reverse_records(self) -> Rows[ReverseRecord]: ...
    @property
    def webhooks(self) -> Due[Webhook]: ...
    @property
    def timers(self) -> Due[Timer]: ...
    @property
    def apis(self) -> Rows[Api]: ...
    @property
    def api_documents(self) -> Rows[ApiDocument]: ...
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
