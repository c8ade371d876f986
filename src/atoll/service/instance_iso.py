"""Handles commands on an instance's CD drive."""

from atoll.domain.commands import AttachDisc, DetachDisc
from atoll.domain.errors import Conflict, Invalid
from atoll.domain.images import Image, ImageKind
from atoll.domain.instances import Instance, releasing
from atoll.domain.reasons import Reason
from atoll.operations import instance_iso
from atoll.operations.steps import Workflow, arguments_of
from atoll.service import references
from atoll.service.coming import find_coming
from atoll.service.desk import Case, Done, View
from atoll.service.instance_rebuild import get_rebuildable
from atoll.service.instances import get, mark_busy

FIELD = "image"


async def attach(case: Case, command: AttachDisc) -> Done[Instance]:
    """Attach an ISO in place of the present one. Raises Conflict if it is already attached."""
    instance = await get_rebuildable(case, command.instance)
    image = await resolve_disc(case, command.image)
    if await coming_disc(case, instance) == image.id:
        if command.attached_ok:
            return Done(instance, changed=False)
        raise Conflict(Reason.DISC_ATTACHED, image=image.name, instance=instance.name)
    return await change(case, instance, instance_iso.ATTACH, image.id)


async def detach(case: Case, command: DetachDisc) -> Done[Instance]:
    """Detach the ISO. Raises Conflict if none is attached."""
    instance = await get(case, command.instance)
    disc_id = await coming_disc(case, instance)
    if command.missing_ok and disc_id is None:
        return Done(instance, changed=False)
    instance = await get_rebuildable(case, command.instance)
    if disc_id is None:
        raise Conflict(Reason.NO_DISC, instance=instance.name)
    return await change(case, instance, instance_iso.DETACH, None)


async def resolve_disc(view: View, reference: str) -> Image:
    image = await references.resolve_image(view, reference, FIELD)
    if image.kind is not ImageKind.ISO:
        raise Invalid(Reason.NOT_A_DISC, field=FIELD, image=image.name)
    return references.require_usable_image(image, FIELD)


async def find_change(view: View, instance: Instance) -> instance_iso.Arguments | None:
    """Find the last change of the ISO in progress, if there is one."""
    coming = await find_coming(view, instance, instance_iso.ATTACH, instance_iso.DETACH)
    return arguments_of(coming[-1], instance_iso.Arguments) if coming else None


async def coming_disc(view: View, instance: Instance) -> str | None:
    """Return the id of the ISO that is attached when the accepted operations have ended."""
    change = await find_change(view, instance)
    return instance.iso_id if change is None else change.new


async def change(
    case: Case, instance: Instance, workflow: Workflow, iso_id: str | None
) -> Done[Instance]:
    present = await coming_disc(case, instance)
    before, after = {"iso_id": present}, {"iso_id": iso_id}
    arguments = instance_iso.change_of(instance, present, iso_id)
    operation = case.accept(workflow, instance.id, arguments)
    going = releasing(instance, present, taken=iso_id)
    changed = mark_busy(case, instance, operation, releasing=going)
    return Done(changed, operation, before, after)
