"""`/v1/images`."""

from typing import Annotated, Literal

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, Meta, UnsetType

from atoll.api.http import Call, version_of
from atoll.api.native import named, wire
from atoll.api.native.paging import LABELLED, Paging
from atoll.api.native.wire import (
    ChangedMetadata,
    Metadata,
    NewMetadata,
    OperationRef,
    Wire,
    view_of,
)
from atoll.domain.commands import CreateImage, DeleteImage, ImportImage, UpdateImage
from atoll.domain.images import CATALOGUE, Image, ImageKind, ImageSource, SourceKind
from atoll.service import images, pages

Words = Annotated[str, Meta(max_length=1000)]


State = Literal["pending", "importing", "available", "error"]


class Source(Wire, kw_only=True):
    """The source of an image. `recipe` and `file` are for operators; `checksum` is
    `sha256:…` or `sha512:…` of the file as downloaded."""

    kind: SourceKind
    location: Annotated[str, Meta(min_length=1, max_length=2048)]
    checksum: Annotated[str, Meta(max_length=140)] | None = None


class ImageSpecIn(Wire, kw_only=True):
    """Either `source` or `alias_of`. The `kind` iso is a CD image."""

    kind: ImageKind = ImageKind.DISK
    source: Source | None = None
    alias_of: Annotated[str, Meta(max_length=253)] | None = None
    os: Words = ""
    version: Words = ""
    description: Words = ""
    min_disk_gb: Annotated[int, Meta(ge=1, le=65_536)] = 1
    min_memory_mb: Annotated[int, Meta(ge=64, le=4_194_304)] = 64


class CreateImageBody(Wire, kw_only=True):
    metadata: NewMetadata
    spec: ImageSpecIn


class ImageSpecPatch(Wire, kw_only=True):
    """An empty `alias_of` removes the alias."""

    alias_of: Annotated[str, Meta(max_length=253)] | None = None


class PatchImageBody(Wire, kw_only=True):
    metadata: ChangedMetadata | UnsetType = UNSET
    spec: ImageSpecPatch | UnsetType = UNSET


class ImageSpecOut(msgspec.Struct, kw_only=True):
    kind: ImageKind
    os: str
    version: str
    description: str
    source: Source | None
    alias_of: str
    min_disk_gb: int
    min_memory_mb: int


class ImageStatus(msgspec.Struct, kw_only=True):
    """`state`: pending (downloaded or built when first needed), importing, available, error.
    `digests` are additional checksums of an ISO: md5 and sha512."""

    state: str
    reason: str
    size_bytes: int | None
    virtual_size_bytes: int | None
    checksum: str | None
    digests: dict[str, str]
    catalogue: bool


class ImageOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: Metadata
    spec: ImageSpecOut
    status: ImageStatus
    operation_id: str


class ImageList(msgspec.Struct, kw_only=True):
    items: list[ImageOut]
    next: str | None


def parse_create(body: CreateImageBody) -> CreateImage:
    spec = body.spec
    source = None
    if spec.source is not None:
        source = ImageSource(
            kind=spec.source.kind, location=spec.source.location, checksum=spec.source.checksum
        )
    return CreateImage(
        name=body.metadata.name, labels=body.metadata.labels, kind=spec.kind, source=source,
        alias_of=spec.alias_of, os=spec.os, image_version=spec.version,
        description=spec.description, disk_gib_min=spec.min_disk_gb,
        memory_mib_min=spec.min_memory_mb,
    )  # fmt: skip


def show(image: Image) -> ImageOut:
    source = None
    if image.alias_of is None:
        given = image.source
        source = Source(kind=given.kind, location=given.location, checksum=given.checksum)
    return ImageOut(
        id=image.id,
        metadata=named.metadata(image),
        spec=ImageSpecOut(
            kind=image.kind, os=image.os, version=image.image_version,
            description=image.description, source=source, alias_of=image.alias_of or "",
            min_disk_gb=image.disk_gib_min, min_memory_mb=image.memory_mib_min,
        ),
        status=ImageStatus(
            state=image.state, reason=image.reason, size_bytes=image.size_bytes,
            virtual_size_bytes=image.virtual_size_bytes, checksum=image.checksum,
            digests=image.digests, catalogue=image.project_id == CATALOGUE,
        ),
        operation_id=image.operation_id or "",
    )  # fmt: skip


class Images(Controller):
    path = "/images"
    tags = ("Images",)

    @post("/", operation_id="createImage", commands=(CreateImage,), status_code=201,
          summary="Create an image (import, or alias of another)",
          responses=wire.WRITES | wire.shown(ImageOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateImageBody]) -> Response[bytes]:
        return await wire.mutate(request, show, parse_create(data), 201)

    @get("/", operation_id="listImages", dependencies=LABELLED, summary="List images",
         responses=wire.LISTS | wire.shown(ImageList, "one page of the list"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        states: Annotated[list[State] | None, QueryParameter(name="state")] = None,
    ) -> Response[bytes]:
        view = view_of(request)
        found, limit = await pages.read(
            lambda part: images.find_page(view, part, states or ()), paging.wanted
        )
        return wire.page_response(found, limit, show, lambda image: image.id)

    @get("/{image_id:str}", operation_id="getImage", summary="Get an image",
         responses=wire.READS | wire.shown(ImageOut, "the image"))  # fmt: skip
    async def read(self, request: Call, image_id: FromPath[str]) -> Response[bytes]:
        return named.answer(show(await images.get(view_of(request), image_id)))

    @patch("/{image_id:str}", operation_id="updateImage", commands=(UpdateImage,),
           summary="Update an image",
           responses=wire.WRITES | wire.shown(ImageOut, "updated"))  # fmt: skip
    async def update(
        self, request: Call, image_id: FromPath[str], data: JSONBody[PatchImageBody]
    ) -> Response[bytes]:
        changed = data.metadata or ChangedMetadata()
        command = named.parse_update(
            request, named.PatchBody(metadata=changed), UpdateImage, image=image_id,
            alias_of=data.spec.alias_of if data.spec else None,
        )  # fmt: skip
        return await wire.mutate(request, show, command)

    @delete("/{image_id:str}", operation_id="deleteImage", commands=(DeleteImage,), status_code=202,
            summary="Delete an image that no instance uses, with every host's copy",
            responses=wire.ACCEPTED)  # fmt: skip
    async def remove(self, request: Call, image_id: FromPath[str]) -> Response[bytes]:
        return await wire.begin(request, DeleteImage(image=image_id, version=version_of(request)))

    @post("/{image_id:str}/import", operation_id="importImage", commands=(ImportImage,),
          status_code=202, summary="Import an image of the catalogue now",
          responses=wire.WRITES | wire.shown(OperationRef, "operation started", 202))  # fmt: skip
    async def fetch(self, request: Call, image_id: FromPath[str]) -> Response[bytes]:
        return await wire.begin(request, ImportImage(image=image_id))
