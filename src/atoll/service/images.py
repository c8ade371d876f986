"""Handles commands on images."""

from collections.abc import Sequence
from typing import Any

import msgspec

from atoll.domain import ids
from atoll.domain.commands import CreateImage, DeleteImage, ImportImage, Reference, UpdateImage
from atoll.domain.errors import Conflict, Invalid
from atoll.domain.images import (
    CATALOGUE,
    Image,
    ImageKind,
    ImageSource,
    ImageState,
    SourceKind,
)
from atoll.domain.instances import require_labels
from atoll.domain.operations import Operation
from atoll.domain.quotas import Amounts
from atoll.domain.reasons import Reason
from atoll.domain.urls import is_web
from atoll.operations import image_delete, image_import
from atoll.service import owned, quotas, references
from atoll.service.desk import Case, Done, View
from atoll.service.nouns import IMAGES
from atoll.service.queries import Query, seen

FIELD = "image"
CHECKSUMS = {"sha256": 64, "sha512": 128}
URL_MAX = 2048
CATALOGUE_MAX = 1000
# What an image counts until its size is known.
GIB_AT_FIRST = 1


async def create(case: Case, command: CreateImage) -> Done[Image]:
    """Create an alias immediately, or accept an operation that imports an image."""
    name = await owned.name_of_new(case, IMAGES, name=command.name, free=command.free_name)
    require_labels(command.labels)
    counted_gib = 0 if command.alias_of is not None else GIB_AT_FIRST
    await quotas.take(case, Amounts(images=1, disk_gib=counted_gib))
    image_id = case.ids.new(ids.IMAGE)
    operation = None
    if command.alias_of is None:
        source = require_source(case, command.source)
        if command.kind is ImageKind.ISO and source.kind is SourceKind.RECIPE:
            raise Invalid(Reason.DISC_FROM_RECIPE, field="source.kind")
        operation = case.accept(image_import.WORKFLOW, image_id)
    else:
        source = alias_source(command.source)
        await references.resolve_image(case, command.alias_of, "alias_of")
    image = Image(
        id=image_id,
        project_id=case.project_id,
        name=name,
        labels=command.labels,
        kind=command.kind,
        os=command.os,
        image_version=command.image_version,
        description=command.description,
        source=source,
        alias_of=command.alias_of,
        counted=True,
        counted_gib=counted_gib,
        state=ImageState.IMPORTING if operation else ImageState.AVAILABLE,
        disk_gib_min=command.disk_gib_min,
        memory_mib_min=command.memory_mib_min,
        doing=operation.kind if operation else None,
        operation_id=operation.id if operation else None,
        created_at_ms=case.now_ms,
        updated_at_ms=case.now_ms,
    )
    case.tx.images.add(image)
    after = {"name": image.name, "source": source.location, "alias_of": image.alias_of}
    return Done(image, operation, after=after)


async def update(case: Case, command: UpdateImage) -> Done[Image]:
    """An empty `alias_of` turns an alias into an image again."""
    image = await get_own(case, command.image)
    owned.require_version(image.version, command.version)
    changes: dict[str, Any] = {}
    if command.name is not None and command.name != image.name:
        await references.require_free_name(case, IMAGES, command.name, image.project_id)
        changes["name"] = command.name
    if command.labels is not None:
        require_labels(command.labels)
        changes["labels"] = command.labels
    if command.alias_of is not None:
        changes["alias_of"] = command.alias_of or None
        await require_no_circle(case, image, command.alias_of)
    before = {key: getattr(image, key) for key in changes}
    changed = case.tx.images.change(image, updated_at_ms=case.now_ms, **changes)
    case.note("image.updated", image.id)
    return Done(changed, before=before, after=dict(changes))


async def import_(case: Case, command: ImportImage) -> Done[Image]:
    """Import a listed image now, or again after a failure. An import in progress returns its
    operation."""
    image = await get_own(case, command.image)
    if image.alias_of is not None:
        raise Conflict(Reason.ALIAS_NOT_IMPORTED, image=image.name, alias_of=image.alias_of)
    if (going := await operation_on(case, image)) is not None:
        if going.kind == image_delete.WORKFLOW.kind:
            raise Conflict(Reason.ON_ITS_WAY_OUT, noun=IMAGES.name, name=image.name)
        return Done(image, going, changed=False)
    operation = case.accept(image_import.WORKFLOW, image.id)
    changed = case.tx.images.change(
        image,
        state=ImageState.IMPORTING,
        reason="",
        doing=operation.kind,
        operation_id=operation.id,
        updated_at_ms=case.now_ms,
    )
    return Done(changed, operation)


async def delete(case: Case, command: DeleteImage) -> Done[Image]:
    """Delete the hosts' copies first, then the catalogue entry. An import in progress is cancelled;
    a deletion in progress returns its operation."""
    image = await get_own(case, command.image)
    owned.require_version(image.version, command.version)
    if (going := await operation_on(case, image)) is not None:
        if going.kind == image_delete.WORKFLOW.kind:
            return Done(image, going, changed=False)
        case.tx.operations.cancel(going, case.now_ms)
    await owned.require_unused(case, IMAGES, image)
    operation = case.accept(image_delete.WORKFLOW, image.id)
    changed = case.tx.images.change(
        image, doing=operation.kind, operation_id=operation.id, updated_at_ms=case.now_ms
    )
    return Done(changed, operation, before={"name": image.name})


async def operation_on(case: Case, image: Image) -> Operation | None:
    """Return the last accepted operation on the image, if it has not ended."""
    if image.doing is None or image.operation_id is None:
        return None
    return await case.tx.operations.get(image.operation_id)


async def find_page(view: View, wanted: Query, states: Sequence[str] = ()) -> list[Image]:
    """Return the images of the project and of the catalogue."""
    view.require("read")
    clause: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("project_id", (view.project_id, CATALOGUE)),
    )
    if states:
        clause += (("state", tuple(states)),)
    every = msgspec.structs.replace(wanted, project_id=None, any_of=(clause,))
    return seen(view, await view.tx.images.page(every))


async def find_catalogue(view: View) -> list[Image]:
    """Return the images that every project sees."""
    view.require("read")
    return await view.tx.images.page(Query(project_id=CATALOGUE, limit=CATALOGUE_MAX))


async def get(view: View, reference: str) -> Image:
    """Get an image of the project or the catalogue. Raises NotFound."""
    view.require("read")
    found = await references.find(view, IMAGES, reference)
    found = found or await references.get(view, IMAGES, reference, FIELD, CATALOGUE)
    return seen(view, [found])[0]


async def find(view: View, image_id: str) -> Image | None:
    """Find an image of the project or the catalogue by its id."""
    view.require("read")
    image = await view.tx.images.find(image_id)
    if image is None or image.project_id not in {CATALOGUE, view.project_id}:
        return None
    return seen(view, [image])[0]


async def get_own(case: Case, reference: Reference) -> Image:
    """Get an image that the caller may change: only operators may change the catalogue."""
    image = await get(case, case.id_of(reference))
    if image.project_id == CATALOGUE:
        case.require("operate")
    return image


async def require_no_circle(case: Case, image: Image, alias_of: str) -> None:
    """Follow the aliases from the new target; none may be the image itself."""
    field = "alias_of"
    if not alias_of:
        if not image.source.location:
            raise Invalid(Reason.ONLY_AN_ALIAS, field=field, image=image.name)
        return
    await references.resolve_image(case, alias_of, field)
    wanted = alias_of
    for _ in range(references.ALIASES_MAX):
        target = await get(case, wanted)
        if target.id == image.id:
            raise Invalid(Reason.ALIAS_CIRCLE, field=field, reference=wanted, image=image.name)
        if target.alias_of is None:
            return
        wanted = target.alias_of


def alias_source(source: ImageSource | None) -> ImageSource:
    if source is not None:
        raise Invalid(Reason.EXCLUDE_EACH_OTHER, field="source", other_field="alias_of")
    return ImageSource(kind=SourceKind.RECIPE, location="")


def require_source(case: Case, source: ImageSource | None) -> ImageSource:
    """Recipes and files belong to the host, so only operators may use them."""
    if source is None:
        raise Invalid(Reason.ONE_OF_BOTH_NEEDED, field="source", other_field="alias_of")
    if source.kind is not SourceKind.URL:
        case.require("operate")
    if not 1 <= len(source.location) <= URL_MAX:
        raise Invalid(Reason.LENGTH, field="source.location", lowest=1, highest=URL_MAX)
    if source.kind is SourceKind.URL and not is_web(source.location):
        raise Invalid(Reason.NOT_HTTP_URL, field="source.location")
    if source.checksum is not None:
        kind, _, digest = source.checksum.lower().partition(":")
        hexadecimal = all(c in "0123456789abcdef" for c in digest)
        if CHECKSUMS.get(kind) != len(digest) or not hexadecimal:
            raise Invalid(Reason.CHECKSUM_FORM, field="source.checksum")
    return source
