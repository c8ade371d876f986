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
    """Fill in a sentence. The elements of a list are joined by commas."""
    return sentence.format_map({name: in_words(value) for name, value in facts.items()})


def in_words(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


class AtollError(Exception):
    """The base of all errors that Atoll raises on purpose. `facts` fill in the sentence of the
    reason. A `reason` that is a text is already a sentence, from a driver or in a dialect's own
    words."""

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
    """`field` is the path of the faulty field in the command, such as `ssh_keys.2`, if there is
    one. `position` is the position of the faulty command within the request."""

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
    """`others` are further errors of the same command."""

    code = "INVALID"
    others: "tuple[Invalid, ...]" = ()


def require_all(*checks: Callable[[], None]) -> None:
    """Make all checks, and raise the Invalid errors that they find as one."""
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
    """`operation_id` is the operation in progress."""

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
    """`reasons` contains one sentence for each host that was considered."""

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
    """The work is in progress; `percent` says how much is done, if that is known."""

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
    """`queued_at_ms` is the time at which the operation that the host has since served was
    queued."""

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
