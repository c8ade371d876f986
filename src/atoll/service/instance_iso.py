"""Use cases of an instance's CD drive."""

from collections.abc import Awaitable, Callable

from atoll.domain.errors import Conflict, Invalid
from atoll.domain.images import Image, ImageKind
from atoll.domain.instances import Instance
from atoll.operations import instance_iso
from atoll.operations.steps import Workflow
from atoll.ports import Transaction
from atoll.service import references
from atoll.service.desk import Accepted, Case
from atoll.service.instance_rebuild import rebuildable
from atoll.service.instances import go_on

FIELD = "image"


def attach(reference: str, iso: str) -> Callable[[Case], Awaitable[Accepted[Instance]]]:
    """Instead of the disc that is in it. Raises Conflict where it is this one already."""

    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        instance = await rebuildable(case, reference)
        image = await disc_meant(case.tx, instance.project_id, iso)
        if instance.iso_id == image.id:
            raise Conflict(f"{image.name} is in the drive of {instance.name} already")
        return change(case, instance, instance_iso.ATTACH, image.id)

    return use_case


def detach(reference: str) -> Callable[[Case], Awaitable[Accepted[Instance]]]:
    """Raises Conflict where there is none."""

    async def use_case(case: Case) -> Accepted[Instance]:
        case.require("write")
        instance = await rebuildable(case, reference)
        if instance.iso_id is None:
            raise Conflict(f"there is no disc in the drive of {instance.name}")
        return change(case, instance, instance_iso.DETACH, None)

    return use_case


async def disc_meant(tx: Transaction, project_id: str, reference: str) -> Image:
    image = await references.image(tx, project_id, reference, FIELD)
    if image.kind is not ImageKind.ISO:
        raise Invalid(f"{FIELD}: {image.name} is a disk: reinstall from it", field=FIELD)
    return references.require_usable_image(image, FIELD)


def change(
    case: Case, instance: Instance, workflow: Workflow, iso_id: str | None
) -> Accepted[Instance]:
    arguments = instance_iso.arguments_of(instance, iso_id)
    operation = case.accept(workflow, instance.id, arguments)
    before, after = {"iso_id": instance.iso_id}, {"iso_id": iso_id}
    case.audit(workflow.kind, instance.id, operation=operation, before=before, after=after)
    return Accepted(go_on(case, instance, operation), operation)
