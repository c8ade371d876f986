"""What an instance will be when its accepted operations have ended."""

from atoll.domain.instances import Instance
from atoll.domain.operations import Operation
from atoll.operations import instance_resize
from atoll.operations.instance_resize import Size, size_of
from atoll.operations.steps import Workflow, arguments_of
from atoll.service.desk import View


async def find_coming(view: View, instance: Instance, *workflows: Workflow) -> list[Operation]:
    """Return the operations of these kinds that the instance has ahead, in their order."""
    if instance.doing is None:
        return []
    kinds = {workflow.kind for workflow in workflows}
    live = await view.tx.operations.live_on(instance.id)
    return [one for one in live if one.kind in kinds and not one.cancel_requested]


async def coming_size(view: View, instance: Instance) -> Size:
    """Return the size of the last resize in progress, or the present one."""
    coming = await find_coming(view, instance, instance_resize.WORKFLOW)
    if not coming:
        return size_of(instance.spec)
    return arguments_of(coming[-1], instance_resize.Arguments).new
