"""Faults on demand: what a simulated host shall do wrong, when, and how often."""

from enum import StrEnum

import msgspec


class FaultError(StrEnum):
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    BUSY = "busy"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """`verb` is a verb of the driver, or `*`; `host` a host's name, or any. After letting `skip`
    calls pass, the next `times` calls fail, before or after they did their work. With `lost_s`
    the host answers nothing at all for that long."""

    id: str
    verb: str = "*"
    host: str | None = None
    error: FaultError = FaultError.UNAVAILABLE
    when: str = "before"
    skip: int = 0
    times: int = 1
    lost_s: float | None = None
    message: str = "a fault was asked for"
