"""Gives the operator of a server's machine a new admin key in place of a lost one.

Called without a caller: who can read the server's secret may do it.
"""

from typing import NamedTuple

from atoll.domain import ids
from atoll.domain.events import AuditRecord
from atoll.domain.installation import ID, Installation
from atoll.domain.projects import ApiKey, Project, Role
from atoll.ports import Clock, Filter, Ids, Store, Transaction
from atoll.service.installation import mark_of
from atoll.service.keys import Keys
from atoll.service.projects import FIRST_KEY, key_of

ACTION = "api_key.recover"
DIALECT = "server"
OTHERS_MAX = 100


class Recovered(NamedTuple):
    """`replaced` stops being valid. `others` is the number of further admin keys, which stay
    valid, up to a hundred."""

    key: ApiKey
    replaced: ApiKey | None
    others: int


async def recover(
    store: Store, clock: Clock, new_ids: Ids, keys: Keys, text: str, lost: str | None
) -> Recovered | None:
    """Make `text` the admin key of the database. `lost` is the text of the one before, where it is
    known. Return None if no server has used the database yet."""
    lost_key = await keys.look_up(lost) if lost else None
    now_ms = clock.now_ms()
    async with store.transaction(fresh=True) as tx:
        projects = await tx.projects.page(Filter(limit=1))
        if not projects:
            return None
        mark = await tx.installation.find(ID)
        replaced = lost_key or await first_key(tx, mark, projects[0])
        project = await tx.projects.get(replaced.project_id) if replaced else projects[0]
        tx.projects.confirm(project)
        key = key_of(new_ids, keys, text, project.id, FIRST_KEY, now_ms)
        if replaced is not None:
            tx.api_keys.remove(replaced)
        tx.api_keys.add(key)
        remember(tx, mark, mark_of(keys, key.id, now_ms))
        tx.audit.add(record_of(new_ids, key, replaced, now_ms))
        admins = Filter(equals=(("role", Role.ADMIN.value),), limit=OTHERS_MAX)
        known = await tx.api_keys.page(admins)
    gone = {replaced.id} if replaced else set()
    valid = [one for one in known if one.id not in gone and not one.is_expired(now_ms)]
    return Recovered(key, replaced, len(valid))


async def first_key(tx: Transaction, mark: Installation | None, first: Project) -> ApiKey | None:
    """Find the key whose text was in `admin.key`. Databases of earlier versions do not name it: it
    is the oldest admin key of that name in the first project."""
    if mark is not None:
        return await tx.api_keys.find(mark.admin_key_id)
    named = await tx.api_keys.named(first.id, FIRST_KEY.name)
    return next((one for one in named if one.role is Role.ADMIN), None)


def remember(tx: Transaction, known: Installation | None, wanted: Installation) -> None:
    if known is None:
        tx.installation.add(wanted)
    else:
        tx.installation.change(
            known, secret_check=wanted.secret_check, admin_key_id=wanted.admin_key_id
        )


def record_of(new_ids: Ids, key: ApiKey, replaced: ApiKey | None, now_ms: int) -> AuditRecord:
    def facts(one: ApiKey) -> dict[str, str]:
        return {"id": one.id, "name": one.name, "role": one.role}

    return AuditRecord(
        id=new_ids.new(ids.AUDIT), project_id=key.project_id, key_id="", dialect=DIALECT,
        request_id="", action=ACTION, resource_id=key.id,
        before=facts(replaced) if replaced else None, after=facts(key), at_ms=now_ms,
    )  # fmt: skip
