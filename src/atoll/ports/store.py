"""Ports to the database: rows of nouns, and the transactions that change them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol, TypeVar

import msgspec

from atoll.domain.apis import Api, ApiDocument
from atoll.domain.events import AuditRecord, Event, IdempotencyRecord
from atoll.domain.floating_ips import FloatingIp
from atoll.domain.hosts import Host, Reservation
from atoll.domain.images import Image
from atoll.domain.installation import Installation
from atoll.domain.instances import Instance
from atoll.domain.networks import Subnet, Vpc
from atoll.domain.operations import BY_REQUEST, Operation, StepRecord
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
    """The resources on a page, in increasing order of id.

    A `project_id` of None means all projects. `any_of` is an OR of ANDs of (column, allowed
    values); with it, deleted resources are included. `equals` are columns with one value each.
    `given_name` is the name that dialects with repeatable names show. `uses` is the id of a
    resource that each of them needs. `after` is the last id of the previous page. `offset` skips as
    many at the start, for pages by number: the rest moves if a resource is created or deleted
    between two pages.
    """

    project_id: str | None = None
    name: str | None = None
    given_name: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    any_of: tuple[tuple[tuple[str, tuple[str, ...]], ...], ...] = ()
    equals: tuple[tuple[str, str | bool], ...] = ()
    uses: str | None = None
    after: str | None = None
    offset: int = 0
    limit: int = 100
    descending: bool = False


class Rows(Protocol[T]):
    """The rows of one noun. Writes are held back until the transaction's block ends and then take
    effect together, or not at all. `get` and `find` see the writes of the transaction itself, so
    that one use case can follow another in it; lists see committed rows only."""

    async def get(self, thing_id: str) -> T:
        """Raises NotFound."""
        ...

    async def find(self, thing_id: str) -> T | None: ...

    async def named(self, project_id: str | None, name: str) -> list[T]:
        """Return all resources with that name, at most ten."""
        ...

    async def holder(self, project_id: str, name: str) -> T | None:
        """Return the resource that has the name now, so that no other can get it: see `held_name`.
        It sees the writes of the transaction itself."""
        ...

    async def page(self, wanted: Filter) -> list[T]: ...

    async def count(self, wanted: Filter) -> int:
        """Count the resources on all pages after `after`, regardless of offset and limit."""
        ...

    def claim_name(self, project_id: str, name: str, *, chosen: bool = False) -> None:
        """Claim a name. The commit raises AlreadyExists if a resource of the project has the name,
        or Lost if the name was `chosen` by Atoll and another name can be used."""
        ...

    def add(self, thing: T) -> None:
        """The commit raises Lost if a resource that it uses was deleted, or if it holds a name that
        was taken since `holder` was asked. AlreadyExists means that its id is taken."""
        ...

    def change(self, thing: T, **changes: Any) -> T:
        """Return the resource with these changes and the next version. The commit raises Lost if it
        was changed since it was read, or its new name was taken."""
        ...

    def confirm(self, thing: T) -> None:
        """The commit raises Lost if the resource was changed or removed since it was read: for a
        decision that depends on a resource and does not change it."""
        ...

    async def users_of(self, thing_id: str, limit: int) -> list[str]:
        """Return the ids of the resources and operations that use one of these."""
        ...

    def remove(self, thing: T) -> None:
        """The commit raises Lost if the resource was changed or removed since it was read, or is in
        use."""
        ...


class Forgets(Protocol):
    """Records that are deleted when they are old."""

    async def forget(self, before_ms: int, limit: int) -> int:
        """Delete at most `limit` records that are older, immediately. Returns the number."""
        ...


class Operations(Forgets, Protocol):
    """Only ended operations are deleted, with their steps."""

    async def get(self, operation_id: str) -> Operation: ...

    async def find(self, operation_id: str) -> Operation | None: ...

    async def page(self, wanted: Filter) -> list[Operation]: ...

    async def live_on(self, resource_id: str) -> list[Operation]:
        """Return the operations on a resource that have not ended, in their order, with those of
        this transaction."""
        ...

    async def queued(self, resource_id: str, at_most: int) -> int:
        """Count the committed operations on a resource that have not ended, up to `at_most`."""
        ...

    async def waiting(self, project_id: str, at_most: int) -> int:
        """Count the operations of a project that have not begun, up to `at_most`."""
        ...

    async def steps_of(self, operation_id: str) -> list[StepRecord]: ...

    async def next_due_ms(self) -> int | None:
        """Return the time at which the next claimable operation is due."""
        ...

    async def claim(
        self, engine: str, now_ms: int, lease_until_ms: int, limit: int
    ) -> list[Operation]:
        """Claim due operations for this engine, immediately."""
        ...

    async def extend(self, engine: str, operation_ids: Sequence[str], until_ms: int) -> None:
        """Extend the leases that this engine still holds."""
        ...

    async def abandon(self, engine: str, now_ms: int) -> int:
        """Release what a dead engine of this name held, and return the number. Queue heads that
        lost their turn are made due again."""
        ...

    def enqueue(
        self, operation: Operation, now_ms: int, uses: frozenset[str] = frozenset()
    ) -> None:
        """Make it due immediately, or queue it behind the live operations on the same resource.
        What it uses cannot be removed until it ends; the commit raises Lost if that was removed."""
        ...

    def advance(self, operation: Operation, **changes: Any) -> Operation:
        """Write under the claim. The commit raises Lost if another engine has claimed it since."""
        ...

    def finish(
        self,
        operation: Operation,
        now_ms: int,
        uses: frozenset[str] = frozenset(),
        **changes: Any,
    ) -> Operation:
        """End the operation under the claim, make the next one on the resource due, and release
        what it used."""
        ...

    def cancel(self, operation: Operation, now_ms: int, reason: str = BY_REQUEST) -> None:
        """Request its end; it is due immediately unless an engine runs it. The reason is shown as
        its error."""
        ...

    def retry(
        self,
        operation: Operation,
        now_ms: int,
        uses: frozenset[str] = frozenset(),
        **changes: Any,
    ) -> Operation:
        """Make an ended operation live again, behind the live ones on its resource."""
        ...

    def record(self, step: StepRecord) -> None: ...


class Hosts(Rows[Host], Protocol):
    async def every(self) -> list[Host]:
        """Return all of them."""
        ...

    async def candidates(self, region: str) -> Sequence[str]:
        """Return the ids of the hosts in a region that accept instances, full or not; up to a
        second old."""
        ...

    async def reservation(self, instance_id: str) -> Reservation | None: ...

    def reserve(self, reservation: Reservation) -> None:
        """The commit raises Lost if the host no longer has room."""
        ...

    def release(self, reservation: Reservation) -> None: ...

    def change_reservation(self, held: Reservation, wanted: Reservation) -> None:
        """Change a reservation on the same host; `wanted` may have another id. The commit raises
        Lost if there is no room, or if the held reservation has changed."""
        ...


class Addresses(Protocol):
    async def find(self, scope: str, instance_id: str) -> int | None: ...

    async def holder(self, scope: str, number: int) -> str | None:
        """Return the id of the holder."""
        ...

    async def count(self) -> int: ...

    def take(self, scope: str, instance_id: str, first: int, last: int) -> None:
        """Take the next number of the scope. The commit raises NoCapacity if the scope is full."""
        ...

    async def pick(self, scope: str, holder_id: str, first: int, last: int) -> int:
        """Take a number that is known immediately, for rare calls. Raises NoCapacity; the commit
        raises Lost if it was taken meanwhile."""
        ...

    def release(self, instance_id: str, scope: str | None = None) -> None:
        """Release all numbers of the holder, or its number in one scope."""
        ...


class Due(Rows[T], Protocol[T]):
    """Rows that are due at some time."""

    async def due(self, now_ms: int, limit: int) -> list[T]:
        """Return the due rows, the oldest first."""
        ...


class Quotas(Protocol):
    async def find(self, project_id: str) -> Quota | None: ...

    def add(self, project_id: str) -> None:
        """Start counting. The commit raises Lost if the row already exists."""
        ...

    def take(self, project_id: str, amounts: Amounts) -> None:
        """The commit raises Lost if the limits would be exceeded."""
        ...

    def give_back(self, project_id: str, amounts: Amounts) -> None: ...

    def limit(self, project_id: str, limits: Mapping[str, int]) -> None:
        """Set limits. A resource that is not named has no limit; existing resources stay."""
        ...

    def remove(self, project_id: str) -> None:
        """Stop counting. The commit raises Lost if anything is in use."""
        ...


class Events(Forgets, Protocol):
    """Events. A reader whose position was deleted resumes at the oldest event kept."""

    async def after(self, project_id: str | None, seq: str, limit: int) -> list[Event]: ...

    async def last(self) -> str: ...

    def add(self, event: Event) -> None: ...


class Audit(Forgets, Protocol):
    async def page(self, wanted: Filter) -> list[AuditRecord]: ...

    def add(self, record: AuditRecord) -> None: ...


class Idempotency(Forgets, Protocol):
    async def find(self, key_id: str, key: str) -> IdempotencyRecord | None: ...

    def add(self, record: IdempotencyRecord) -> None:
        """The commit raises Lost if the same key was used meanwhile."""
        ...


class Transaction(Protocol):
    """Reads, and writes that are committed together when the block ends without an error."""

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
    def installation(self) -> Rows[Installation]: ...
    @property
    def quotas(self) -> Quotas: ...
    @property
    def events(self) -> Events: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def idempotency(self) -> Idempotency: ...

    def discard(self) -> None:
        """Discard all writes held back so far (a dry run)."""
        ...


class Watch(Protocol):
    async def wait(self, timeout_s: float) -> None:
        """Return at the next commit on the topic since the last wait, or after the timeout. Only a
        hint: a commit of another process is noticed at the timeout."""
        ...


class Store(Protocol):
    """The database. `transaction()` commits at the end of its block; `read()` never writes."""

    def transaction(self, *, fresh: bool = False) -> AbstractAsyncContextManager[Transaction]:
        """Rarely changed rows may be up to a second old, unless `fresh` is set."""
        ...

    def read(self) -> Transaction: ...

    def watch(self, topic: str) -> AbstractContextManager["Watch"]:
        """Subscribe to commits on a topic: the id of an operation or resource, or `events`."""
        ...

    @property
    def suspect(self) -> bool:
        """Tell whether the last commit failed because of the database itself."""
        ...

    async def probe(self) -> None:
        """Write something without meaning. Raises StoreUnavailable if that is not possible now."""
        ...

    async def open(self, *, migrate: bool = True) -> None:
        """Raises StoreUnavailable, also if it is of another version of Atoll and must not be
        migrated."""
        ...

    async def close(self) -> None: ...
