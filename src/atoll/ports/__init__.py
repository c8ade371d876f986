"""The seams: what the upper layers need from store, bus, drivers, networks and clock.

Nothing is implemented here. Each port has one contract suite in `tests/contract/` that every
implementation passes.
"""

from typing import Protocol

from atoll.ports.hosts import (
    Bus,
    Courier,
    Driver,
    Faults,
    Network,
    PortWiring,
    Stream,
)
from atoll.ports.store import (
    Addresses,
    Audit,
    Due,
    Events,
    Filter,
    Forgets,
    Hosts,
    Idempotency,
    Operations,
    Quotas,
    Rows,
    Store,
    Transaction,
    Watch,
)

__all__ = [
    "Addresses",
    "Audit",
    "Bus",
    "Clock",
    "Courier",
    "Driver",
    "Due",
    "Events",
    "Faults",
    "Filter",
    "Forgets",
    "Hosts",
    "Idempotency",
    "Ids",
    "Network",
    "Operations",
    "PortWiring",
    "Quotas",
    "Rows",
    "Store",
    "Stream",
    "Transaction",
    "Watch",
]


class Clock(Protocol):
    """The time. Tests use a clock that jumps; no other code reads the time."""

    def now_ms(self) -> int:
        """Return the time of day. It may step forwards and backwards."""
        ...

    def span_ms(self) -> int:
        """Return the time since some moment of this process, for durations. It never steps."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class Ids(Protocol):
    def new(self, prefix: str) -> str: ...
