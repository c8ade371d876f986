"""Handles commands on an instance's CD drive."""

from atoll.domain.commands import AttachDisc, DetachDisc
from atoll.domain.errors import Conflict, Invalid
from atoll.domain.images import Image, ImageKind
from atoll.domain.instances import Instance
from atoll.domain.reasons import Reason
from atoll.operations import instance_iso
from atoll.operations.steps import Workflow, arguments_of
from atoll.service import references
from atoll.service.desk import Case, Done, View
from atoll.service.instance_rebuild import get_rebuildable
from atoll.service.instances import mark_busy

FIELD = "image"


async def attach(case: Case, command: AttachDisc) -> Done[Instance]:
    """Attach an ISO in place of the present one. Raises Conflict if it is already attached."""
    instance = await get_rebuildable(case, command.instance)
    image = await resolve_disc(case, command.image)
    if instance.iso_id == image.id:
        if command.attached_ok:
            return Done(instance, changed=False)
        raise Conflict(Reason.DISC_ATTACHED, image=image.name, instance=instance.name)
    return change(case, instance, instance_iso.ATTACH, image.id)


async def detach(case: Case, command: DetachDisc) -> Done[Instance]:
    """Detach the ISO. Raises Conflict if none is attached."""
    instance = await get_rebuildable(case, command.instance)
    if instance.iso_id is None:
        if command.missing_ok:
            return Done(instance, changed=False)
        raise Conflict(Reason.NO_DISC, instance=instance.name)
    return change(case, instance, instance_iso.DETACH, None)


async def resolve_disc(view: View, reference: str) -> Image:
    image = await references.resolve_image(view, reference, FIELD)
    if image.kind is not ImageKind.ISO:
        raise Invalid(Reason.NOT_A_DISC, field=FIELD, image=image.name)
    return references.require_usable_image(image, FIELD)


async def find_change(view: View, instance: Instance) -> instance_iso.Arguments | None:
    """Find the change of the ISO in progress, if there is one."""
    if instance.doing not in {instance_iso.ATTACH.kind, instance_iso.DETACH.kind}:
        return None
    for operation in await view.tx.operations.live_on(instance.id):
        if operation.kind == instance.doing:
            return arguments_of(operation, instance_iso.Arguments)
    return None


def change(
    case: Case, instance: Instance, workflow: Workflow, iso_id: str | None
) -> Done[Instance]:
    operation = case.accept(workflow, instance.id, instance_iso.change_of(instance, iso_id))
    before, after = {"iso_id": instance.iso_id}, {"iso_id": iso_id}
    return Done(mark_busy(case, instance, operation), operation, before, after)
