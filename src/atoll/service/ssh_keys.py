"""Handles commands on ssh keys."""

from typing import Any

from atoll.domain import ids
from atoll.domain.commands import CreateSshKey, DeleteSshKey, UpdateSshKey
from atoll.domain.instances import require_labels
from atoll.domain.ssh_keys import SshKey, fingerprint_of
from atoll.service import owned, references
from atoll.service.desk import Case, Done
from atoll.service.nouns import SSH_KEYS

FIELD = "ssh_key"


async def create(case: Case, command: CreateSshKey) -> Done[SshKey]:
    await references.require_free_name(case, SSH_KEYS, command.name)
    require_labels(command.labels)
    key = SshKey(
        id=case.ids.new(ids.SSH_KEY),
        project_id=case.project_id,
        name=command.name,
        labels=command.labels,
        annotations=command.annotations,
        public_key=command.public_key,
        fingerprint=fingerprint_of(command.public_key),
        created_at_ms=case.now_ms,
    )
    return await owned.add(case, SSH_KEYS, key)


async def update(case: Case, command: UpdateSshKey) -> Done[SshKey]:
    """Update a key. Existing guests keep the old key; new guests get the new one."""
    changes: dict[str, Any] = {}
    if command.public_key is not None:
        changes = {
            "public_key": command.public_key,
            "fingerprint": fingerprint_of(command.public_key),
        }
    key = await owned.get(case, SSH_KEYS, command.ssh_key, FIELD)
    return await owned.update(case, SSH_KEYS, key, command, **changes)


async def delete(case: Case, command: DeleteSshKey) -> Done[SshKey]:
    key = await owned.get(case, SSH_KEYS, command.ssh_key, FIELD)
    return await owned.delete(case, SSH_KEYS, key, command.version)
