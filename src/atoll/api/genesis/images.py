"""`/compute/v1/images`: images of Atoll; with `type=snapshot`, the project's snapshots."""

from collections.abc import Sequence

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from atoll.api.genesis import offers, wire
from atoll.api.genesis.instance_views import LINUX
from atoll.api.genesis.offers import Offer
from atoll.api.genesis.wire import Page, Paging, catalogue_of, view_of
from atoll.api.http import Call
from atoll.domain.errors import Invalid
from atoll.domain.images import Image
from atoll.domain.snapshots import Snapshot
from atoll.service import queries
from atoll.service.nouns import SNAPSHOTS

CLOUD, BASE, PRECONFIGURED, SNAPSHOT = "cloud-image", "base-os", "preconfigured", "snapshot"
TYPES = (CLOUD, BASE, PRECONFIGURED, SNAPSHOT)


class ImageOut(msgspec.Struct, kw_only=True):
    id: str
    name: str
    type: str
    family: str | None
    slug: str | None
    versions: list[str]
    os_type: str
    regions: list[str]
    created_at: str
    updated_at: str


class ImageAnswer(msgspec.Struct, kw_only=True):
    image: ImageOut


class ImageList(Page, kw_only=True):
    images: list[ImageOut]


def show(offer: Offer, regions: Sequence[str], kind: str = CLOUD) -> ImageOut:
    image, called = offer.image, offer.called
    return ImageOut(
        id=wire.uuid_of(image.id), name=called.name, type=kind, family=called.family or None,
        slug=called.slug, versions=offer.versions, os_type=LINUX, regions=list(regions),
        created_at=wire.time_of(image.created_at_ms), updated_at=wire.time_of(image.updated_at_ms),
    )  # fmt: skip


def show_snapshot(snapshot: Snapshot) -> ImageOut:
    return ImageOut(
        id=wire.uuid_of(snapshot.id), name=snapshot.name, type=SNAPSHOT, family=None, slug=None,
        versions=[], os_type=LINUX, regions=[snapshot.region],
        created_at=wire.time_of(snapshot.created_at_ms),
        updated_at=wire.time_of(snapshot.updated_at_ms),
    )  # fmt: skip


async def of_type(request: Call, kind: str) -> list[ImageOut]:
    """Filter by type: `cloud-image` and `base-os` mean the same. Raises Invalid."""
    if kind not in TYPES:
        raise Invalid(f"type must be one of {', '.join(TYPES)}", field="type")
    view, names = view_of(request), catalogue_of(request)
    if kind == PRECONFIGURED:
        return []
    if kind == SNAPSHOT:
        return [show_snapshot(one) for one in await queries.find_every(view, SNAPSHOTS)]
    regions = await offers.regions(view, names)
    found = await offers.images(view, names)
    return [show(one, regions, kind) for one in found]


async def called(request: Call, image_id: str) -> ImageOut:
    """Find an image by its id, or by a name that creating an instance accepts. Raises NotFound."""
    view, names = view_of(request), catalogue_of(request)
    found = await offers.resolve_source(view, names, image_id)
    if isinstance(found, Image):
        offer = Offer(image=found, called=offers.called(names, found))
        return show(offer, await offers.regions(view, names))
    return show_snapshot(found)


class Images(Controller):
    path = "/images"
    tags = ("images",)

    @get("/", operation_id="listImages", summary="List images",
         responses=wire.ANY_ERROR | wire.shown(ImageList, "one page"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        type: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        page, about = wire.part_of(await of_type(request, type or CLOUD), paging)
        return wire.answer(ImageList(images=list(page), **about))

    @get("/{image_id:str}", operation_id="getImage", summary="Get an image",
         responses=wire.ANY_ERROR | wire.shown(ImageAnswer, "the image"))  # fmt: skip
    async def read(self, request: Call, image_id: FromPath[str]) -> Response[bytes]:
        return wire.answer(ImageAnswer(image=await called(request, image_id)))
