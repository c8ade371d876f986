"""Limits how many operations of a project, and on one resource, may wait: more are rejected.

The number is read from the database once a second for each project; between two reads this process
adds its own. Several servers may thus exceed the limit by what they accept in a second.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from atoll.domain.errors import Conflict, RateLimited
from atoll.domain.reasons import Reason
from atoll.ports import Transaction

WAITING_MAX = 10_000
FREED_BEFORE_RETRY = WAITING_MAX // 100
FRESH_S = 1.0
RETRY_S_UNKNOWN, RETRY_S_MAX = 10, 60
PROJECTS_MAX = 10_000
# Of one resource, those in progress included.
QUEUE_MAX = 100


@dataclass
class Count:
    """`per_s` is the recent rate at which operations began, 0.0 if it is not known."""

    waiting: int
    at_s: float
    accepted: int = 0
    per_s: float = 0.0


class Backlog:
    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._counts: dict[str, Count] = {}

    async def require_room(self, tx: Transaction, project_id: str, more: int) -> None:
        """Raises RateLimited, with the time in seconds in which about a hundredth of the limit
        becomes free."""
        if not more:
            return
        count = await self._count(tx, project_id)
        if count.waiting + count.accepted + more > WAITING_MAX:
            seconds = seconds_until(count, more)
            raise RateLimited(
                Reason.BACKLOG_FULL, highest=WAITING_MAX, seconds=seconds, retry_after_s=seconds
            )
        count.accepted += more

    async def _count(self, tx: Transaction, project_id: str) -> Count:
        known, now_s = self._counts.get(project_id), self._now_s()
        if known is not None and now_s - known.at_s < FRESH_S:
            return known
        count = Count(await tx.operations.waiting(project_id, WAITING_MAX), now_s)
        if known is not None:
            begun = known.waiting + known.accepted - count.waiting
            count.per_s = max(0.0, begun / (now_s - known.at_s))
        self._counts.pop(project_id, None)
        while len(self._counts) >= PROJECTS_MAX:
            del self._counts[next(iter(self._counts))]
        self._counts[project_id] = count
        return count


async def require_queue(tx: Transaction, resource_ids: Iterable[str]) -> None:
    """Raises Conflict if too many operations on one of these resources have not ended."""
    for resource_id in resource_ids:
        if await tx.operations.queued(resource_id, QUEUE_MAX) >= QUEUE_MAX:
            raise Conflict(Reason.QUEUE_FULL, resource=resource_id, highest=QUEUE_MAX)


def seconds_until(count: Count, more: int) -> int:
    if not count.per_s:
        return RETRY_S_UNKNOWN
    excess = count.waiting + count.accepted + more - WAITING_MAX + FREED_BEFORE_RETRY
    return max(1, min(RETRY_S_MAX, math.ceil(excess / count.per_s)))
