"""The one error tree: a class, and its `code`, per condition. HTTP is decided in `wire.py`.

An error is data: a `reason`, the neutral name of the field at fault, and facts. Its sentence is
made where it is told, in the words of whoever asked: see `api/wording.py`.

AtollError
├── Refused                  the request cannot be carried out as it stands
│   ├── Malformed            it cannot be read
│   ├── Invalid              it can be read, but a field's value is not allowed
│   ├── Unauthenticated      no key, or not one of ours
│   ├── Forbidden            the key's role may not do this
│   ├── NotFound             there is no such thing in this project
│   ├── Conflict             the thing's present situation forbids it
│   │   ├── AlreadyExists
│   │   ├── InUse
│   │   ├── Protected
│   │   ├── Busy             an operation goes on about it: ask again when that has ended
│   │   └── KeyReused        an Idempotency-Key came back with another request
│   ├── QuotaExceeded        the project would have more than it may
│   ├── VersionMismatch      the caller's If-Match is no longer true
│   ├── NoCapacity           no host can take it; carries why, host by host
│   └── RateLimited
├── StoreUnavailable         the database does not answer, or cannot write
├── Lost                     our claim, lease or version was overtaken: read again and repeat
└── DriverError              a driver, network or image store could not do it
    ├── DriverBusy           not now: ask again in `after_s` seconds; not a failure
    │   └── DriverElsewhere  the host's agent is not to be reached from this process
    ├── DriverUnavailable    may work later: retry with backoff
    ├── Stale                the host has served a later claim of this resource: change nothing
    └── DriverRefused        will never work as asked
        ├── Unsupported      the host's agent does not know this request
        └── HostRemoved      the host is gone for good, or never was
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from atoll.domain.reasons import Reason


def phrase(sentence: str, facts: Mapping[str, Any]) -> str:
    """Fills a sentence in. A list becomes words with commas between them."""
    return sentence.format_map({name: in_words(value) for name, value in facts.items()})


def in_words(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


class AtollError(Exception):
    """Base of all errors that Atoll raises on purpose. `facts` fill the reason's sentence in. A
    `reason` that is text is a sentence already: of a driver, or of a dialect in its own words."""

    code = "ERROR"

    def __init__(self, reason: Reason | str, **facts: Any) -> None:
        super().__init__(reason)
        self.reason = reason
        self.facts = facts

    @property
    def message(self) -> str:
        """The sentence in Atoll's own words, for logs and the journal."""
        if isinstance(self.reason, str):
            return self.reason
        return phrase(self.reason.value, self.facts)

    def __str__(self) -> str:
        return self.message


class Refused(AtollError):
    """`field` is the path of the offending field in the command, as `ssh_keys.2`, where there is
    one. `position` is the place of the command at fault among those of one request."""

    code = "REFUSED"

    def __init__(self, reason: Reason | str, *, field: str | None = None, **facts: Any) -> None:
        super().__init__(reason, **facts)
        self.field = field
        if field is not None:
            self.facts["field"] = field
        self.position = 0


class Malformed(Refused):
    code = "MALFORMED"


class Invalid(Refused):
    """`others` are further errors of the same command, where several were found."""

    code = "INVALID"
    others: "tuple[Invalid, ...]" = ()


def require_all(*checks: Callable[[], None]) -> None:
    """Makes all checks, and raises the Invalid errors that they find as one."""
    found: list[Invalid] = []
    for check in checks:
        try:
            check()
        except Invalid as error:
            found.append(error)
    if found:
        first, *rest = found
        first.others = tuple(rest)
        raise first


class Unauthenticated(Refused):
    code = "UNAUTHENTICATED"


class Forbidden(Refused):
    code = "FORBIDDEN"


class NotFound(Refused):
    code = "NOT_FOUND"


class Conflict(Refused):
    code = "CONFLICT"


class AlreadyExists(Conflict):
    code = "ALREADY_EXISTS"


class InUse(Conflict):
    code = "IN_USE"


class Protected(Conflict):
    code = "PROTECTED"


class Busy(Conflict):
    """`operation_id` is the one that is in progress."""

    code = "BUSY"

    def __init__(self, *, noun: str, name: str, doing: str, operation_id: str | None) -> None:
        super().__init__(
            Reason.BUSY, noun=noun, name=name, doing=doing, operation=operation_id or "its end"
        )
        self.operation_id = operation_id


class KeyReused(Conflict):
    code = "IDEMPOTENCY_KEY_REUSED"


class QuotaExceeded(Refused):
    code = "QUOTA_EXCEEDED"


class VersionMismatch(Refused):
    code = "VERSION_MISMATCH"


class NoCapacity(Refused):
    """`reasons` holds one sentence a host that was looked at."""

    code = "CAPACITY_EXHAUSTED"

    def __init__(self, reason: Reason | str, *, reasons: Sequence[str] = (), **facts: Any) -> None:
        super().__init__(reason, **facts)
        self.reasons = tuple(reasons)


class RateLimited(Refused):
    code = "RATE_LIMITED"

    def __init__(self, reason: Reason | str, *, retry_after_s: int, **facts: Any) -> None:
        super().__init__(reason, **facts)
        self.retry_after_s = retry_after_s


class StoreUnavailable(AtollError):
    code = "STORE_UNAVAILABLE"


class Lost(AtollError):
    code = "LOST"


class DriverError(AtollError):
    code = "DRIVER_ERROR"


class DriverBusy(DriverError):
    """Something is on its way; `percent` says how far where that is known."""

    code = "DRIVER_BUSY"

    def __init__(self, message: str, *, after_s: float = 1.0, percent: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s
        self.percent = percent


class DriverElsewhere(DriverBusy):
    code = "DRIVER_ELSEWHERE"


class DriverUnavailable(DriverError):
    code = "DRIVER_UNAVAILABLE"


class Stale(DriverError):
    """`queued_at_ms` is when the operation was queued that the host has served meanwhile."""

    code = "STALE"

    def __init__(self, message: str, *, queued_at_ms: int = 0) -> None:
        super().__init__(message)
        self.queued_at_ms = queued_at_ms


class DriverRefused(DriverError):
    code = "DRIVER_REFUSED"


class Unsupported(DriverRefused):
    code = "UNSUPPORTED"


class HostRemoved(DriverRefused):
    code = "HOST_REMOVED"
