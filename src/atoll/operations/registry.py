"""All operations that there are."""

from collections.abc import Mapping

from atoll.operations import image_import, instance_create, instance_delete, instance_power
from atoll.operations.steps import Workflow

WORKFLOWS: Mapping[str, Workflow] = {
    workflow.kind: workflow
    for workflow in (
        instance_create.WORKFLOW,
        instance_delete.WORKFLOW,
        instance_power.START,
        instance_power.STOP,
        instance_power.REBOOT,
        instance_power.RESET,
        image_import.WORKFLOW,
    )
}
