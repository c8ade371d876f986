"""Use cases of images."""

from collections.abc import Awaitable, Callable
from typing import Any

from atoll.domain import ids
from atoll.domain.commands import CreateImage, Update
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
from atoll.domain.projects import Caller
from atoll.operations import image_delete, image_import
from atoll.ports import Transaction
from atoll.service import owned, references
from atoll.service.desk import Accepted, Case, require
from atoll.service.instances import require_version

CHECKSUMS = {"sha256": 64, "sha512": 128}
URL_MAX = 2048


def create(command: CreateImage) -> Callable[[Case], Awaitable[Accepted[Image]]]:
    """An alias is there at once; anything else is imported by an operation."""

    async def use_case(case: Case) -> Accepted[Image]:
        case.require("write")
        project_id = case.caller.project_id
        await references.require_free_name(case.tx.images, project_id, command.name, "image")
        require_labels(command.labels)
        image_id = case.ids.new(ids.IMAGE)
        operation = None
        if command.alias_of is None:
            source = require_source(case, command.source)
            if command.kind is ImageKind.ISO and source.kind is SourceKind.RECIPE:
                raise Invalid(
                    "spec.source.kind: a disc is imported, from a url or a file",
                    field="spec.source.kind",
                )
            operation = case.accept(image_import.WORKFLOW, image_id)
        else:
            source = alias_source(command.source)
            await references.image(case.tx, project_id, command.alias_of, "spec.alias_of")
        image = Image(
            id=image_id,
            project_id=project_id,
            name=command.name,
            labels=command.labels,
            kind=command.kind,
            os=command.os,
            image_version=command.image_version,
            description=command.description,
            source=source,
            alias_of=command.alias_of,
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
        case.audit("image.create", image_id, operation=operation, after=after)
        return Accepted(image, operation)

    return use_case


def update(
    reference: str, command: Update, alias_of: str | None
) -> Callable[[Case], Awaitable[Accepted[Image]]]:
    """An empty `alias_of` makes an alias an image of its own again."""

    async def use_case(case: Case) -> Accepted[Image]:
        case.require("write")
        image = await own(case, reference)
        require_version(image.version, command.version)
        changes: dict[str, Any] = {}
        if command.name is not None and command.name != image.name:
            await references.require_free_name(
                case.tx.images, image.project_id, command.name, "image"
            )
            changes["name"] = command.name
        if command.labels is not None:
            require_labels(command.labels)
            changes["labels"] = command.labels
        if alias_of is not None:
            changes["alias_of"] = alias_of or None
            await require_no_circle(case, image, alias_of)
        before = {key: getattr(image, key) for key in changes}
        changed = case.tx.images.change(image, updated_at_ms=case.now_ms, **changes)
        case.audit("image.update", image.id, before=before, after=dict(changes))
        case.note("image.updated", image.id)
        return Accepted(changed)

    return use_case


def fetch(reference: str) -> Callable[[Case], Awaitable[Accepted[Image]]]:
    """Imports a listed image now, or again after a failure. Raises Conflict while it goes on."""

    async def use_case(case: Case) -> Accepted[Image]:
        case.require("write")
        image = await own(case, reference)
        if image.alias_of is not None:
            raise Conflict(f"image {image.name} is an alias of {image.alias_of}: import that one")
        references.require_idle(image, "image")
        operation = case.accept(image_import.WORKFLOW, image.id)
        changed = case.tx.images.change(
            image,
            state=ImageState.IMPORTING,
            reason="",
            doing=operation.kind,
            operation_id=operation.id,
            updated_at_ms=case.now_ms,
        )
        case.audit("image.import", image.id, operation=operation)
        return Accepted(changed, operation)

    return use_case


def delete(
    reference: str, version: int | None = None
) -> Callable[[Case], Awaitable[Accepted[Image]]]:
    """The hosts' copies go first, then what lists it."""

    async def use_case(case: Case) -> Accepted[Image]:
        case.require("write")
        image = await own(case, reference)
        require_version(image.version, version)
        references.require_idle(image, "image")
        await owned.require_unused(case, "image", image)
        operation = case.accept(image_delete.WORKFLOW, image.id)
        changed = case.tx.images.change(
            image, doing=operation.kind, operation_id=operation.id, updated_at_ms=case.now_ms
        )
        before = {"name": image.name}
        case.audit("image.delete", image.id, operation=operation, before=before)
        return Accepted(changed, operation)

    return use_case


async def get(tx: Transaction, caller: Caller, reference: str) -> Image:
    require(caller, "read")
    own_image = await references.find(tx.images, caller.project_id, reference, "image")
    return own_image or await references.get(tx.images, CATALOGUE, reference, "image")


async def own(case: Case, reference: str) -> Image:
    """One that the caller may change: the catalogue is for operators."""
    image = await get(case.tx, case.caller, reference)
    if image.project_id == CATALOGUE:
        case.require("operate")
    return image


async def require_no_circle(case: Case, image: Image, alias_of: str) -> None:
    """Follows the aliases from the new target on; none may be the image itself."""
    field = "spec.alias_of"
    if not alias_of:
        if not image.source.location:
            raise Invalid(
                f"{field}: {image.name} is nothing but an alias: delete it instead", field=field
            )
        return
    await references.image(case.tx, case.caller.project_id, alias_of, field)
    for _ in range(references.ALIASES_MAX):
        target = await get(case.tx, case.caller, alias_of)
        if target.id == image.id:
            raise Invalid(f"{field}: {alias_of!r} leads back to {image.name}", field=field)
        if target.alias_of is None:
            return
        alias_of = target.alias_of


def alias_source(source: ImageSource | None) -> ImageSource:
    if source is not None:
        raise Invalid("spec.source and spec.alias_of exclude each other", field="spec.source")
    return ImageSource(kind=SourceKind.RECIPE, location="")


def require_source(case: Case, source: ImageSource | None) -> ImageSource:
    """Recipes and files are the host's own: for operators."""
    field = "spec.source"
    if source is None:
        raise Invalid(f"{field} or spec.alias_of is needed", field=field)
    if source.kind is not SourceKind.URL:
        case.require("operate")
    if not 1 <= len(source.location) <= URL_MAX:
        raise Invalid(f"{field}.location: 1 to {URL_MAX} characters", field=f"{field}.location")
    if source.kind is SourceKind.URL and not source.location.startswith(("http://", "https://")):
        raise Invalid(
            f"{field}.location must begin with http:// or https://", field=f"{field}.location"
        )
    if source.checksum is not None:
        kind, _, digest = source.checksum.partition(":")
        hexadecimal = all(c in "0123456789abcdef" for c in digest)
        if CHECKSUMS.get(kind) != len(digest) or not hexadecimal:
            raise Invalid(
                f"{field}.checksum must be sha256: and 64 hexadecimal digits, or sha512: and 128",
                field=f"{field}.checksum",
            )
    return source
