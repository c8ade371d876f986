"""Lists of types, regions and images: those of the file, and others of Atoll."""

import msgspec

from atoll.api import foreign
from atoll.api.genesis.catalogue import Catalogue, GenesisImage, plan_here, region_here
from atoll.api.genesis.wire import catalogue_of, services_of, view_of
from atoll.api.http import Call
from atoll.domain import ids
from atoll.domain.errors import Invalid, NotFound
from atoll.domain.images import Image, ImageKind, ImageState
from atoll.domain.plans import Plan
from atoll.domain.regions import Region
from atoll.domain.snapshots import Snapshot
from atoll.service import catalogue, queries, references
from atoll.service import images as image_service
from atoll.service.desk import View
from atoll.service.nouns import IMAGES, PLANS, REGIONS, SNAPSHOTS
from atoll.service.queries import Query, equal

OWN_SNAPSHOT = "snapshot "


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """An image with its names in this dialect."""

    image: Image
    called: GenesisImage

    @property
    def versions(self) -> list[str]:
        return [self.image.image_version] if self.image.image_version else []


async def plans(view: View, names: Catalogue) -> list[Plan]:
    """Return all types, with the sizes that the operator gave them."""
    own = {plan.id: plan for plan in await queries.find_every(view, PLANS)}
    known = {one.id: plan_here(one) for one in names.types}
    return list((known | own).values())


async def regions(view: View, names: Catalogue) -> list[str]:
    own = await queries.find_every(view, REGIONS)
    return list(dict.fromkeys([*names.region_by_id, *(region.id for region in own)]))


async def serving(view: View, names: Catalogue, region: str) -> str:
    """Return the region whose hosts serve the instances of this one."""
    if await queries.find_by_ids(view, REGIONS, [region]) or region not in names.region_by_id:
        return region
    return names.region_by_id[region].served_by or await foreign.own_region(view)


async def images(view: View, names: Catalogue) -> list[Offer]:
    """Return the catalogue's images, then the project's. This dialect has no CD images."""
    found = await image_service.find_catalogue(view)
    found += await queries.find_every(view, IMAGES)
    return [
        Offer(image=image, called=called(names, image))
        for image in found
        if image.kind is ImageKind.DISK
        and image.alias_of is None
        and image.state is not ImageState.ERROR
        and not image.name.startswith(OWN_SNAPSHOT)
    ]


def called(names: Catalogue, image: Image) -> GenesisImage:
    known = names.image_by_own.get(image.name)
    return known or GenesisImage(
        slug=image.name, name=image.name, family=image.os.capitalize(), image=image.name
    )


async def resolve_plan(view: View, names: Catalogue, plan: str) -> Plan | None:
    """Return a type of the file that does not exist yet; None for others. Raises Invalid."""
    if await queries.find_by_ids(view, PLANS, [plan]):
        return None
    theirs = names.type_by_id.get(plan)
    if theirs is None:
        raise Invalid(f"type: there is no instance type {plan!r}", field="type")
    return plan_here(theirs)


async def ensure_region(request: Call, region: str | None) -> str:
    """Create a region of the file at its first use. The default is in the file. Raises Invalid and
    Forbidden."""
    view, names = view_of(request), catalogue_of(request)
    view.require("write")
    name = region or names.default_region

    def there(own: str) -> Region | None:
        theirs = names.region_by_id.get(name)
        return region_here(theirs, own) if theirs is not None else None

    refused = f"region: there is no region {name!r}"
    new = await foreign.resolve_region(view, name, there, refused)
    await catalogue.adopt(services_of(request).store, region=new)
    return name


async def resolve_source(view: View, names: Catalogue, text: str) -> Image | Snapshot:
    """Find an image by its id, slug, `slug:version` or name, or a snapshot by its id. Raises
    NotFound with a complete sentence."""
    try:
        image_id = ids.from_uuid(ids.IMAGE, text)
    except ValueError:
        return await by_slug(view, names, text)
    image = await image_service.find(view, image_id)
    if image is not None:
        return image
    snapshot_id = ids.from_uuid(ids.SNAPSHOT, text)
    found = await queries.find_page(view, SNAPSHOTS, Query(equals=equal(id=snapshot_id)))
    if not found:
        raise NotFound(f"no image and no snapshot has the id {text}")
    return found[0]


async def by_slug(view: View, names: Catalogue, text: str) -> Image:
    slug, _, version = text.partition(":")
    known = names.image_by_slug.get(slug)
    image = await references.find_image(view, known.image if known else slug)
    if image is None:
        raise NotFound(f"no image has the id or slug {slug!r}")
    if version and version != image.image_version:
        raise NotFound(f"{slug} has the version {image.image_version!r}, not {version!r}")
    return image
