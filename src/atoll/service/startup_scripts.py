"""Handles commands on startup scripts."""

from atoll.domain import ids
from atoll.domain.commands import CreateStartupScript, DeleteStartupScript, UpdateStartupScript
from atoll.domain.instances import require_labels
from atoll.domain.startup_scripts import StartupScript, require_script
from atoll.service import owned, references
from atoll.service.desk import Case, Done
from atoll.service.nouns import STARTUP_SCRIPTS

FIELD = "startup_script"


async def create(case: Case, command: CreateStartupScript) -> Done[StartupScript]:
    await references.require_free_name(case, STARTUP_SCRIPTS, command.name)
    require_labels(command.labels)
    require_script(command.script)
    script = StartupScript(
        id=case.ids.new(ids.STARTUP_SCRIPT),
        project_id=case.project_id,
        name=command.name,
        labels=command.labels,
        script=command.script,
        created_at_ms=case.now_ms,
        updated_at_ms=case.now_ms,
    )
    return await owned.add(case, STARTUP_SCRIPTS, script)


async def update(case: Case, command: UpdateStartupScript) -> Done[StartupScript]:
    """Update a script. Guests that have run it run the new one at their next reinstallation."""
    if command.script is not None:
        require_script(command.script)
    script = await owned.get(case, STARTUP_SCRIPTS, command.startup_script, FIELD)
    return await owned.update(
        case, STARTUP_SCRIPTS, script, command, script=command.script, updated_at_ms=case.now_ms
    )


async def delete(case: Case, command: DeleteStartupScript) -> Done[StartupScript]:
    script = await owned.get(case, STARTUP_SCRIPTS, command.startup_script, FIELD)
    return await owned.delete(case, STARTUP_SCRIPTS, script, command.version)
