"""The one error tree: a class, and its `code`, per condition. HTTP is decided in `wire.py`.

An error is data: a `reason`, the neutral name of the faulty field, and facts. The dialect of the
request renders its sentence: see `api/wording.py`.

AtollError
├── Refused                  the request is rejected
│   ├── Malformed            the request cannot be parsed
│   ├── Invalid              a field's value is not allowed
│   ├── Unauthenticated      the key is missing or not valid
│   ├── Forbidden            the key's role lacks the right
│   ├── NotFound             the project has no such resource
│   ├── Conflict             the state of the resource forbids it
│   │   ├── AlreadyExists
│   │   ├── InUse
│   │   ├── Protected
│   │   ├── Busy             an operation is in progress: retry when it has ended
│   │   └── KeyReused        an Idempotency-Key was used for another request
│   ├── QuotaExceeded        a limit of the project would be exceeded
│   ├── VersionMismatch      the caller's If-Match is outdated
│   ├── NoCapacity           no host has room; `reasons` say why
│   └── RateLimited
├── StoreUnavailable         the database does not answer, or cannot write
├── Lost                     a claim, lease or version is outdated: read again and repeat
└── DriverError              a driver, network or image store failed
    ├── DriverBusy           not a failure: retry in `after_s` seconds
    │   └── DriverElsewhere  this process cannot reach the host's agent
    ├── DriverUnavailable    temporary: retry with backoff
    ├── Stale                the host has served a later claim of the resource
    └── DriverRefused        permanent: the request cannot succeed
        ├── Unsupported      the host's agent does not support the request
        └── HostRemoved      the host was removed, or never existed
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
