"""`/v2/iso` and `/v2/iso-public`: images that are discs, the project's own and the catalogue's."""

from pathlib import PurePosixPath
from urllib.parse import urlsplit

import msgspec
from litestar import Controller, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api.http import Call, caller_of
from atoll.api.vultr import described, wire
from atoll.api.vultr.wire import Meta, Paging, Wire, services_of
from atoll.domain import ids
from atoll.domain.commands import CreateImage
from atoll.domain.errors import Invalid, NotFound
from atoll.domain.images import CATALOGUE, Image, ImageKind, ImageSource, ImageState, SourceKind
from atoll.domain.projects import Caller
from atoll.ports import Filter, Transaction
from atoll.service import images, references
from atoll.service.desk import Accepted, Case, UseCase, require

PUBLIC_MAX = 1000
STATUSES = {
    ImageState.PENDING: "pending",
    ImageState.IMPORTING: "pending",
    ImageState.AVAILABLE: "complete",
    ImageState.ERROR: "failed",
}


class CreateBody(Wire, kw_only=True):
    url: str


class IsoOut(msgspec.Struct, kw_only=True):
    """`size` in bytes; it and the checksums are not known until the disc is there."""

    id: str
    date_created: str
    filename: str
    size: int
    md5sum: str
    sha512sum: str
    status: str


class IsoAnswer(msgspec.Struct, kw_only=True):
    iso: IsoOut


class IsoList(msgspec.Struct, kw_only=True):
    isos: list[IsoOut]
    meta: Meta


class PublicIsoOut(msgspec.Struct, kw_only=True):
    id: str
    name: str
    description: str
    md5sum: str


class PublicIsoList(msgspec.Struct, kw_only=True):
    public_isos: list[PublicIsoOut]
    meta: Meta


def show(image: Image) -> IsoOut:
    return IsoOut(
        id=wire.uuid_of(image.id), date_created=wire.date_of(image.created_at_ms),
        filename=filename_of(image.source.location), size=image.size_bytes or 0,
        md5sum=image.digests.get("md5", ""), sha512sum=image.digests.get("sha512", ""),
        status=STATUSES[image.state],
    )  # fmt: skip


def show_public(image: Image) -> PublicIsoOut:
    return PublicIsoOut(
        id=wire.uuid_of(image.id), name=image.name, description=image.description,
        md5sum=image.digests.get("md5", ""),
    )  # fmt: skip


def filename_of(location: str) -> str:
    """The last word of a path or URL. Raises Invalid where that is not one."""
    try:
        return PurePosixPath(urlsplit(location).path).name[: references.NAME_MAX]
    except ValueError as error:
        raise Invalid(f"url: {error}", field="url") from error


def is_listed(image: Image) -> bool:
    """Vultr's own are gone at once when they are deleted."""
    return image.kind is ImageKind.ISO and image.doing != "image.delete"


async def find(tx: Transaction, caller: Caller, iso_id: str) -> Image:
    """Of a path. Raises NotFound, of a disk too."""
    require(caller, "read")
    reference = wire.native_id(ids.IMAGE, iso_id)
    image = await references.get(tx.images, caller.project_id, reference, "image")
    if not is_listed(image):
        raise NotFound(f"image {reference} is not a disc")
    return image


def create(url: str) -> UseCase[Accepted[Image]]:
    """Called as its file; images of one project have different names."""

    async def use_case(case: Case) -> Accepted[Image]:
        name = await described.name_for(case, filename_of(url), case.tx.images)
        source = ImageSource(kind=SourceKind.URL, location=url)
        return await images.create(CreateImage(name=name, kind=ImageKind.ISO, source=source))(case)

    return use_case


class Isos(Controller):
    path = "/iso"
    tags = ("iso",)

    @get("/", operation_id="list-isos", summary="List ISOs",
         responses=wire.ANY_ERROR | wire.shown(IsoList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        rows = services_of(request).store.read().images
        every = await wire.every(request, rows, Filter())
        page, meta = wire.part_of([image for image in every if is_listed(image)], paging)
        return wire.answer(IsoList(isos=[show(image) for image in page], meta=meta))

    @post("/", operation_id="create-iso", status_code=201, summary="Create ISO",
          responses=wire.ANY_ERROR | wire.shown(IsoAnswer, "accepted", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        def answer(accepted: Accepted[Image]) -> IsoAnswer:
            return IsoAnswer(iso=show(accepted.thing))

        return await described.created(request, create(data.url), answer)

    @get("/{iso_id:str}", operation_id="iso-get", summary="Get ISO",
         responses=wire.ANY_ERROR | wire.shown(IsoAnswer, "the ISO"))  # fmt: skip
    async def read(self, request: Call, iso_id: FromPath[str]) -> Response[bytes]:
        tx = services_of(request).store.read()
        return wire.answer(IsoAnswer(iso=show(await find(tx, caller_of(request), iso_id))))

    @delete("/{iso_id:str}", operation_id="delete-iso", status_code=204, summary="Delete ISO",
            responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, iso_id: FromPath[str]) -> Response[None]:
        async def use_case(case: Case) -> Accepted[Image]:
            image = await find(case.tx, case.caller, iso_id)
            return await images.delete(image.id)(case)

        return await wire.gone(request, use_case)


class PublicIsos(Controller):
    path = "/iso-public"
    tags = ("iso",)

    @get("/", operation_id="list-public-isos", summary="List Public ISOs",
         responses=wire.ANY_ERROR | wire.shown(PublicIsoList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        """Its callers need no key."""
        rows = services_of(request).store.read().images
        found = await rows.page(Filter(project_id=CATALOGUE, limit=PUBLIC_MAX))
        page, meta = wire.part_of([image for image in found if is_listed(image)], paging)
        public = [show_public(image) for image in page]
        return wire.answer(PublicIsoList(public_isos=public, meta=meta))
