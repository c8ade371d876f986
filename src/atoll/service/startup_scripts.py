"""Use cases of startup scripts."""

from collections.abc import Awaitable, Callable

from atoll.domain import ids
from atoll.domain.commands import CreateStartupScript, Update
from atoll.domain.instances import require_labels
from atoll.domain.startup_scripts import StartupScript, require_script
from atoll.service import owned, references
from atoll.service.desk import Accepted, Case

NOUN = "startup script"
UseCase = Callable[[Case], Awaitable[Accepted[StartupScript]]]


def create(command: CreateStartupScript) -> UseCase:
    async def use_case(case: Case) -> Accepted[StartupScript]:
        case.require("write")
        rows, project_id = case.tx.startup_scripts, case.caller.project_id
        await references.require_free_name(rows, project_id, command.name, NOUN)
        require_labels(command.labels)
        require_script(command.script)
        script = StartupScript(
            id=case.ids.new(ids.STARTUP_SCRIPT),
            project_id=project_id,
            name=command.name,
            labels=command.labels,
            script=command.script,
            created_at_ms=case.now_ms,
            updated_at_ms=case.now_ms,
        )
        owned.add(case, rows, script, NOUN)
        return Accepted(script)

    return use_case


def update(reference: str, command: Update, script: str | None) -> UseCase:
    """A guest that has run the script runs the new one at its next reinstallation."""
    if script is not None:
        require_script(script)

    async def use_case(case: Case) -> Accepted[StartupScript]:
        change = owned.update(
            lambda tx: tx.startup_scripts, NOUN, reference, command,
            script=script, updated_at_ms=case.now_ms,
        )  # fmt: skip
        return await change(case)

    return use_case
