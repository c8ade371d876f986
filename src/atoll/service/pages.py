"""Pages that are bounded by bytes as well as by number: a page of the largest resources must not
take hundreds of times the memory of an ordinary one."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec

from atoll.domain.events import AuditRecord
from atoll.domain.instances import Instance
from atoll.domain.operations import Operation
from atoll.domain.security_groups import SecurityGroup
from atoll.domain.ssh_keys import SshKey
from atoll.domain.startup_scripts import StartupScript
from atoll.service.nouns import Identified
from atoll.service.queries import Query

BYTES_MAX = 8 * 1024 * 1024
# So many rows are read at once; the largest have about 100 KiB.
ROWS_AT_ONCE = 250
RULE_BYTES = 150
K = TypeVar("K", bound=Identified)
Find = Callable[[Query], Awaitable[list[K]]]


async def read(find: Find[K], wanted: Query) -> tuple[list[K], int]:
    """Return resources, and the number of them that a page shows: if there are more, another page
    follows. `wanted.limit` is one more than the page may have. A page has at least one resource."""
    things: list[K] = []
    size = 0
    while True:
        after = things[-1].id if things else wanted.after
        limit = min(ROWS_AT_ONCE, wanted.limit - len(things))
        found = await find(msgspec.structs.replace(wanted, after=after, limit=limit))
        for thing in found:
            size += bytes_of(thing)
            things.append(thing)
            if size > BYTES_MAX and len(things) > 1:
                return things, len(things) - 1
        if len(found) < limit or len(things) == wanted.limit:
            return things, wanted.limit - 1


def bytes_of(thing: Any) -> int:
    """Return about how much memory a resource takes by what its owner can make long."""
    match thing:
        case Instance():
            return len(thing.spec.user_data) + long(thing.labels)
        case StartupScript():
            return len(thing.script) + long(thing.labels)
        case SshKey():
            return len(thing.public_key) + long(thing.annotations)
        case SecurityGroup():
            return RULE_BYTES * len(thing.rules) + long(thing.labels)
        case Operation():
            return len(msgspec.json.encode(thing.arguments))
        case AuditRecord():
            return len(msgspec.json.encode((thing.command, thing.before, thing.after)))
    return long(getattr(thing, "labels", {}))


def long(texts: Mapping[str, str]) -> int:
    return sum(len(key) + len(value) for key, value in texts.items()) if texts else 0
