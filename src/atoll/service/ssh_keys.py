"""Use cases of ssh keys."""

from collections.abc import Awaitable, Callable

from atoll.domain import ids
from atoll.domain.commands import CreateSshKey
from atoll.domain.instances import require_labels
from atoll.domain.ssh_keys import SshKey, fingerprint_of
from atoll.service import owned, references
from atoll.service.desk import Accepted, Case

NOUN = "ssh key"


def create(command: CreateSshKey) -> Callable[[Case], Awaitable[Accepted[SshKey]]]:
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
            public_key=command.public_key.strip(),
            fingerprint=fingerprint_of(command.public_key),
            created_at_ms=case.now_ms,
        )
        owned.add(case, rows, key, NOUN)
        return Accepted(key)

    return use_case
