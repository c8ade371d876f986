"""`/v2/iso` and `/v2/iso-public`: CD images, of the project and of the catalogue."""

from pathlib import PurePosixPath
from urllib.parse import urlsplit

import msgspec
from litestar import Controller, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api import foreign
from atoll.api.http import Call
from atoll.api.vultr import wire
from atoll.api.vultr.wire import Meta, Paging, Wire, view_of
from atoll.domain import ids
from atoll.domain.commands import CreateImage, DeleteImage
from atoll.domain.errors import Invalid, NotFound
from atoll.domain.images import Image, ImageKind, ImageSource, ImageState, SourceKind
from atoll.domain.names import NAME_MAX
from atoll.service import images, queries
from atoll.service.nouns import IMAGES

STATUSES = {
    ImageState.PENDING: "pending",
    ImageState.IMPORTING: "pending",
    ImageState.AVAILABLE: "complete",
    ImageState.ERROR: "failed",
}


class CreateBody(Wire, kw_only=True):
    url: str


class IsoOut(msgspec.Struct, kw_only=True):
    """`size` is in bytes. Size and checksums are empty until the download is complete."""

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
    """Return the file name at the end of a URL. Raises Invalid if there is none."""
    try:
        return PurePosixPath(urlsplit(location).path).name[:NAME_MAX]
    except ValueError as error:
        raise Invalid(f"url: {error}", field="url") from error


def is_listed(image: Image) -> bool:
    """Return whether lists show the ISO: at Vultr a deleted one disappears at once."""
    return image.kind is ImageKind.ISO and image.doing != "image.delete"


async def find(request: Call, iso_id: str) -> Image:
    """Find the ISO of a path. Raises NotFound, also for the image of a disk."""
    image = await foreign.get(request, IMAGES, ids.IMAGE, iso_id)
    if not is_listed(image):
        raise NotFound(f"image {image.id} is not an ISO")
    return image


def parse_create(body: CreateBody) -> CreateImage:
    """Return the command. The image gets the name of its file, or a free one like it."""
    source = ImageSource(kind=SourceKind.URL, location=body.url)
    name = filename_of(body.url)
    return CreateImage(name=name, kind=ImageKind.ISO, source=source, free_name=True)


class Isos(Controller):
    path = "/iso"
    tags = ("iso",)

    @get("/", operation_id="list-isos", summary="List ISOs",
         responses=wire.ANY_ERROR | wire.shown(IsoList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        every = await queries.find_every(view_of(request), IMAGES)
        page, meta = wire.part_of([image for image in every if is_listed(image)], paging)
        return wire.answer(IsoList(isos=[show(image) for image in page], meta=meta))

    @post("/", operation_id="create-iso", commands=(CreateImage,), status_code=201,
          summary="Create ISO",
          responses=wire.ANY_ERROR | wire.shown(IsoAnswer, "accepted", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        return await wire.mutate(
            request, lambda image: IsoAnswer(iso=show(image)), parse_create(data), 201
        )

    @get("/{iso_id:str}", operation_id="iso-get", summary="Get ISO",
         responses=wire.ANY_ERROR | wire.shown(IsoAnswer, "the ISO"))  # fmt: skip
    async def read(self, request: Call, iso_id: FromPath[str]) -> Response[bytes]:
        return wire.answer(IsoAnswer(iso=show(await find(request, iso_id))))

    @delete("/{iso_id:str}", operation_id="delete-iso", commands=(DeleteImage,), status_code=204,
            summary="Delete ISO", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, iso_id: FromPath[str]) -> Response[None]:
        image = await find(request, iso_id)
        return await wire.no_content(request, DeleteImage(image=image.id))


class PublicIsos(Controller):
    path = "/iso-public"
    tags = ("iso",)

    @get("/", operation_id="list-public-isos", summary="List Public ISOs",
         responses=wire.ANY_ERROR | wire.shown(PublicIsoList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        """List public ISOs, without a key."""
        found = await images.find_catalogue(view_of(request))
        page, meta = wire.part_of([image for image in found if is_listed(image)], paging)
        public = [show_public(image) for image in page]
        return wire.answer(PublicIsoList(public_isos=public, meta=meta))
