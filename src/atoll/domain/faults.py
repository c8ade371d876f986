"""Faults on demand: which verb of a simulated host fails, when, and how often."""

from enum import StrEnum

import msgspec

from atoll.domain.instances import Halt


class FaultError(StrEnum):
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    BUSY = "busy"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """`verb` is a verb of the driver, or `*`; `host` is the name of a host, or None for any. After
    `skip` successful calls, the next `times` calls fail, before or after their work. With `lost_s`,
    the host does not answer at all for that time. With `halt`, the host's running guests, or only
    that of `instance`, no longer execute; a full disk lasts until the fault is deleted."""

    id: str
    verb: str = "*"
    host: str | None = None
    error: FaultError = FaultError.UNAVAILABLE
    when: str = "before"
    skip: int = 0
    times: int = 1
    lost_s: float | None = None
    halt: Halt | None = None
    instance: str | None = None
    message: str = "a fault was asked for"
