"""Rate limits of keys: named classes with a burst and a rate per minute, counted in this
process."""

from dataclasses import dataclass, replace

from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from atoll.domain.projects import ApiKey, Role


@dataclass(frozen=True)
class LimitClass:
    per_minute: int
    per_second: int


CLASSES = {
    "standard": LimitClass(per_minute=100, per_second=20),
    "default": LimitClass(per_minute=6_000, per_second=300),
    "unlimited": LimitClass(per_minute=1_000_000_000, per_second=1_000_000_000),
}
UNLIMITED = CLASSES["unlimited"]
OWN, FREE = "of the dialect", "without charge"


@dataclass(frozen=True)
class Standing:
    """The state of a key's limit: `reset_s` is the time, in epoch seconds, of a full allowance, and
    `exceeded` the exceeded limit, if there is one."""

    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int = 0
    exceeded: str = ""


class Limiter:
    def __init__(self) -> None:
        self._windows = FixedWindowRateLimiter(MemoryStorage())
        self._items = {
            name: (RateLimitItemPerMinute(c.per_minute), RateLimitItemPerSecond(c.per_second))
            for name, c in CLASSES.items()
        }

    def charge(
        self, key: ApiKey, now_ms: int, *, free: bool = False, per_second: int = 0
    ) -> Standing:
        """Count one request. `retry_after_s` is above 0 if it must be rejected. `per_second` is an
        additional limit, 0 for none. What is told is the limit that is reached first."""
        if not per_second:
            return self._charge_class(key, now_ms, free=free)
        own = RateLimitItemPerSecond(per_second)
        passed = self._windows.hit(own, OWN, key.id)
        left = self._windows.get_window_stats(own, OWN, key.id).remaining
        standing = Standing(limit=per_second, remaining=max(0, left), reset_s=now_ms // 1000 + 1)
        if not passed:
            exceeded = f"{per_second} requests a second"
            return replace(standing, remaining=0, retry_after_s=1, exceeded=exceeded)
        of_class = self._charge_class(key, now_ms, free=free)
        if of_class.retry_after_s or of_class.remaining < standing.remaining:
            return of_class
        return standing

    def _charge_class(self, key: ApiKey, now_ms: int, *, free: bool) -> Standing:
        now_s = now_ms // 1000
        name = class_of(key)
        if CLASSES[name] is UNLIMITED:
            most = UNLIMITED.per_minute
            return Standing(limit=most, remaining=most, reset_s=now_s + 60)
        minute, second = self._items[name]
        if free:
            # Polling costs no allowance, and is bounded all the same.
            passed = self._windows.hit(second, FREE, key.id)
        else:
            passed = (
                self._windows.test(minute, key.id)
                and self._windows.hit(second, key.id)
                and self._windows.hit(minute, key.id)
            )
        stats = self._windows.get_window_stats(minute, key.id)
        standing = Standing(
            limit=minute.amount, remaining=max(0, stats.remaining), reset_s=int(stats.reset_time)
        )
        if passed:
            return standing
        spent = stats.remaining <= 0 and not free
        wait_s = max(1, standing.reset_s - now_s) if spent else 1
        amount, unit = (minute.amount, "minute") if spent else (second.amount, "second")
        exceeded = f"{amount} requests a {unit}"
        return Standing(standing.limit, standing.remaining, standing.reset_s, wait_s, exceeded)


def class_of(key: ApiKey) -> str:
    if key.limit_class in CLASSES:
        return key.limit_class
    return "unlimited" if key.role is Role.ADMIN else "default"
