"""The size that an instance will have when its accepted operations have ended."""

from atoll.domain.instances import Instance
from atoll.operations import instance_resize
from atoll.operations.instance_resize import Size, size_of
from atoll.operations.steps import arguments_of
from atoll.service.desk import View


async def coming_size(view: View, instance: Instance) -> Size:
    """Return the size of the last resize in progress, or the present one."""
    if instance.doing is not None:
        for operation in reversed(await view.tx.operations.live_on(instance.id)):
            if operation.kind == instance_resize.WORKFLOW.kind and not operation.cancel_requested:
                return arguments_of(operation, instance_resize.Arguments).new
    return size_of(instance.spec)
