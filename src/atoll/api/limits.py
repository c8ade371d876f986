"""Rate limits of keys: named classes with a burst and a rate per minute, counted in this
process."""

from dataclasses import dataclass

from atoll.domain.projects import ApiKey, Role
from atoll.ports import Clock


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


@dataclass(frozen=True)
class Standing:
    """The state of a key's limit: `reset_s` is the time, in epoch seconds, of a full allowance, and
    `exceeded` the exceeded limit, if there is one."""

    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int = 0
    exceeded: str = ""


class Window:
    """What keys spent in the current span of time. Earlier spans are forgotten, so that memory is
    bounded by the keys of one. A monotonic clock counts: the time of day may jump."""

    def __init__(self, length_ms: int) -> None:
        self._length_ms = length_ms
        self._number = 0
        self._spent: dict[str, int] = {}

    def spent(self, span_ms: int) -> dict[str, int]:
        number = span_ms // self._length_ms
        if number != self._number:
            self._number, self._spent = number, {}
        return self._spent

    def take(self, key_id: str, highest: int, span_ms: int) -> int:
        """Return how many are left, or -1 if none was."""
        spent = self.spent(span_ms)
        count = spent.get(key_id, 0)
        if count >= highest:
            return -1
        spent[key_id] = count + 1
        return highest - count - 1

    def left_s(self, span_ms: int) -> int:
        """Return the seconds until the next one begins, rounded up."""
        return -(-(self._length_ms - span_ms % self._length_ms) // 1000)


class Limiter:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minute = Window(60_000)
        self._second = Window(1000)
        self._second_of_dialect = Window(1000)
        self._second_of_free = Window(1000)

    def charge(self, key: ApiKey, *, free: bool = False, per_second: int = 0) -> Standing:
        """Count one request. `retry_after_s` is above 0 if it must be rejected. `per_second` is an
        additional limit, 0 for none. What is told is the limit that is reached first."""
        if not per_second:
            return self._charge_class(key, free=free)
        left = self._second_of_dialect.take(key.id, per_second, self._clock.span_ms())
        reset_s = self._clock.now_ms() // 1000 + 1
        if left < 0:
            return Standing(per_second, 0, reset_s, 1, f"{per_second} requests a second")
        of_class = self._charge_class(key, free=free)
        if of_class.retry_after_s or of_class.remaining < left:
            return of_class
        return Standing(per_second, left, reset_s)

    def _charge_class(self, key: ApiKey, *, free: bool) -> Standing:
        now_s, span_ms = self._clock.now_ms() // 1000, self._clock.span_ms()
        of_key = CLASSES[class_of(key)]
        highest = of_key.per_minute
        if of_key is UNLIMITED:
            return Standing(limit=highest, remaining=highest, reset_s=now_s + 60)
        minute = self._minute.spent(span_ms)
        left = highest - minute.get(key.id, 0)
        # Polling costs no allowance, and is bounded all the same.
        second = self._second_of_free if free else self._second
        passed = free or left > 0
        passed = passed and second.take(key.id, of_key.per_second, span_ms) >= 0
        wait_s = self._minute.left_s(span_ms)
        if passed and not free:
            left = self._minute.take(key.id, highest, span_ms)
        if passed:
            return Standing(limit=highest, remaining=max(0, left), reset_s=now_s + wait_s)
        if left <= 0 and not free:
            return Standing(highest, 0, now_s + wait_s, wait_s, f"{highest} requests a minute")
        exceeded = f"{of_key.per_second} requests a second"
        return Standing(highest, max(0, left), now_s + wait_s, 1, exceeded)


def class_of(key: ApiKey) -> str:
    if key.limit_class in CLASSES:
        return key.limit_class
    return "unlimited" if key.role is Role.ADMIN else "default"
