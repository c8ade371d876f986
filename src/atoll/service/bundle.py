"""What the dialects are handed: the desk, the store's reads, the bus, and who holds the keys."""

from collections.abc import Callable
from dataclasses import dataclass

from atoll.operations.steps import Ranges
from atoll.ports import Bus, Clock, Faults, Ids, Store
from atoll.service.desk import Desk
from atoll.service.passwords import Passwords
from atoll.service.projects import Keys


@dataclass(frozen=True)
class Services:
    """`faults` is the simulator's plan, or None. `secret` answers 256 new random bits. A deleted
    instance can be recovered for `recoverable_s` seconds."""

    store: Store
    bus: Bus
    clock: Clock
    ids: Ids
    desk: Desk
    keys: Keys
    passwords: Passwords
    secret: Callable[[], bytes]
    ranges: Ranges
    recoverable_s: int = 0
    faults: Faults | None = None
