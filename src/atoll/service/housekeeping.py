"""What has to be thrown away from time to time."""

from atoll.domain.errors import AtollError
from atoll.ports import Clock, Store

EVERY_S = 3600.0
ANSWERS_KEPT_MS = 24 * 3600 * 1000


async def run(store: Store, clock: Clock) -> None:
    """Until it is cancelled."""
    while True:
        await tidy(store, clock)
        await clock.sleep(EVERY_S)


async def tidy(store: Store, clock: Clock) -> None:
    """First answers are kept for a day. What cannot be tidied now is tidied next time."""
    try:
        async with store.transaction() as tx:
            tx.idempotency.forget(clock.now_ms() - ANSWERS_KEPT_MS)
    except AtollError:
        return
