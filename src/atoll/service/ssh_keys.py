"""Use cases of ssh keys."""

from collections.abc import Awaitable, Callable
from typing import Any

from atoll.domain import ids
from atoll.domain.commands import CreateSshKey, Update
from atoll.domain.instances import require_labels
from atoll.domain.ssh_keys import SshKey, fingerprint_of
from atoll.service import owned, references
from atoll.service.desk import Accepted, Case

NOUN = "ssh key"
UseCase = Callable[[Case], Awaitable[Accepted[SshKey]]]


def create(command: CreateSshKey) -> UseCase:
    async def use_case(case: Case) -> Accepted[SshKey]:
        case.require("write")
        rows, project_id = case.tx.ssh_keys, case.caller.project_id
        await references.require_free_name(rows, project_id, command.name, NOUN)
        require_labels(command.labels)
        key = SshKey(
            id=case.ids.new(ids.SSH_KEY),
            project_id=project_id,
            name=command.name,
            labels=command.labels,
            annotations=command.annotations,
            public_key=command.public_key.strip(),
            fingerprint=fingerprint_of(command.public_key),
            created_at_ms=case.now_ms,
        )
        owned.add(case, rows, key, NOUN)
        return Accepted(key)

    return use_case


def update(reference: str, command: Update, public_key: str | None) -> UseCase:
    """Guests keep the key that they were given: the new one is for those that come."""
    changes: dict[str, Any] = {}
    if public_key is not None:
        changes = {
            "public_key": public_key.strip(),
            "fingerprint": fingerprint_of(public_key),
        }
    return owned.update(lambda tx: tx.ssh_keys, NOUN, reference, command, **changes)
