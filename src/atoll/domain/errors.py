"""The one error tree: a class, and its `code`, per condition. HTTP is decided in `wire.py`.

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

from collections.abc import Sequence


class AtollError(Exception):
    """Base of all errors that Atoll raises on purpose."""

    code = "ERROR"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Refused(AtollError):
    """`field` names the offending field as a path (`spec.disk_gb`), where there is one."""

    code = "REFUSED"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Malformed(Refused):
    code = "MALFORMED"


class Invalid(Refused):
    code = "INVALID"


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
    """`what` goes on, in a sentence for those who know nothing of operations."""

    code = "BUSY"

    def __init__(self, what: str, operation_id: str | None) -> None:
        super().__init__(f"{what}: wait for {operation_id}")
        self.what = what


class KeyReused(Conflict):
    code = "IDEMPOTENCY_KEY_REUSED"


class QuotaExceeded(Refused):
    code = "QUOTA_EXCEEDED"


class VersionMismatch(Refused):
    code = "VERSION_MISMATCH"


class NoCapacity(Refused):
    """`reasons` holds one sentence a host that was looked at."""

    code = "CAPACITY_EXHAUSTED"

    def __init__(self, message: str, *, reasons: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.reasons = tuple(reasons)


class RateLimited(Refused):
    code = "RATE_LIMITED"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
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
