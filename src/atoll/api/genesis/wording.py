"""Genesis Cloud's names for the fields of commands."""

import functools

from atoll.api.foreign import BUSY, HEADERS, show_id
from atoll.api.serving import Asked
from atoll.api.wording import Wording
from atoll.domain.actions import ACTIONS
from atoll.domain.commands import Command
from atoll.domain.reasons import Reason

# Keyed by the noun of the command.
FIELDS = {
    "instance": {
        "protected": "is_protected", "plan": "type", "user_data": "metadata",
        "disk_gib": "disk_size", "memory_mib": "type", "instance": "volumes",
    },
    "ssh_key": {"public_key": "value"},
    "security_group": {
        "rules": "rules", "labels": "name",
    },
    "volume": {"size_gib": "size"},
    "snapshot": {"source.location": "url", "source": "url", "instance": "instance_id"},
    "floating_ip": {},
}  # fmt: skip
KEY_NEEDED = "send a key of Atoll as Authorization: Bearer KEY, or as X-Auth-Token: KEY"
SENTENCES = {Reason.BUSY: BUSY, Reason.KEY_NEEDED: KEY_NEEDED, Reason.KEY_UNKNOWN: KEY_NEEDED}
COMMON = Wording(fields=HEADERS, sentences=SENTENCES, id_of=show_id)


def wording_for(asked: Asked | None) -> Wording:
    return COMMON if asked is None else wording_of(type(asked.command))


@functools.cache
def wording_of(kind: type[Command]) -> Wording:
    fields = HEADERS | FIELDS.get(ACTIONS[kind].noun, {})
    return Wording(fields=fields, sentences=SENTENCES, id_of=show_id)
