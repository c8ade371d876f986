"""Whether a server belongs to its database, told at its start. Called by the composition root."""

import hmac
from typing import NamedTuple

from atoll.domain.errors import AlreadyExists
from atoll.domain.installation import ID, Installation
from atoll.ports import Clock, Filter, Store
from atoll.service.keys import Keys


class Standing(NamedTuple):
    """`secret` is None where nothing tells. `key` is whether the admin key is one of the
    database's and has not expired."""

    secret: bool | None
    key: bool


async def stand(store: Store, clock: Clock, keys: Keys, admin_key: str | None) -> Standing:
    """Compare this server's secret and admin key with the database. A database of an earlier
    version has no check value: it gets one from the first server with a key of it."""
    key = await keys.look_up(admin_key) if admin_key is not None else None
    valid = key is not None and not key.is_expired(clock.now_ms())
    mark = await store.read().installation.find(ID)
    if mark is not None:
        return Standing(hmac.compare_digest(mark.secret_check, keys.check()), valid)
    if key is None:
        return Standing(None, valid)
    try:
        async with store.transaction() as tx:
            tx.installation.add(mark_of(keys, key.id, clock.now_ms()))
    except AlreadyExists:  # another server started at the same time
        return await stand(store, clock, keys, admin_key)
    return Standing(True, valid)


def mark_of(keys: Keys, admin_key_id: str, now_ms: int) -> Installation:
    return Installation(secret_check=keys.check(), admin_key_id=admin_key_id, created_at_ms=now_ms)


async def newest_ms(store: Store) -> int:
    """Return the time of the newest audit record or report of a host; 0 if there is none."""
    read = store.read()
    records = await read.audit.page(Filter(limit=1, descending=True))
    times = [record.at_ms for record in records]
    times += [host.seen_at_ms for host in await read.hosts.every()]
    return max(times, default=0)
