"""What can be asked for in the vendor's words: the types, regions and images of the file, and those
of Atoll that are not in it."""

import msgspec

from atoll.api import foreign
from atoll.api.genesis.catalogue import Catalogue, GenesisImage, plan_here, region_here
from atoll.api.genesis.wire import catalogue_of, services_of
from atoll.api.http import Call
from atoll.domain import ids
from atoll.domain.errors import Invalid
from atoll.domain.images import CATALOGUE, Image, ImageKind, ImageState
from atoll.domain.plans import Plan
from atoll.domain.regions import Region
from atoll.domain.snapshots import Snapshot
from atoll.ports import Filter, Transaction
from atoll.service import catalogue, references

ROWS_MAX = 1000
OWN_SNAPSHOT = "snapshot "


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """An image, and what the vendor would call it."""

    image: Image
    called: GenesisImage

    @property
    def versions(self) -> list[str]:
        return [self.image.image_version] if self.image.image_version else []


async def plans(tx: Transaction, names: Catalogue) -> list[Plan]:
    """All types, with the sizes that they have here, where an operator chose others."""
    own = {plan.id: plan for plan in await tx.plans.page(Filter(limit=ROWS_MAX))}
    known = {one.id: plan_here(one) for one in names.types}
    return list((known | own).values())


async def regions(tx: Transaction, names: Catalogue) -> list[str]:
    own = await tx.regions.page(Filter(limit=ROWS_MAX))
    return list(dict.fromkeys([*names.region_by_id, *(region.id for region in own)]))


async def serving(tx: Transaction, names: Catalogue, region: str) -> str:
    """Whose hosts carry what is in it, or would."""
    if await tx.regions.find(region) is not None or region not in names.region_by_id:
        return region
    return names.region_by_id[region].served_by or await foreign.own_region(tx)


async def images(tx: Transaction, names: Catalogue, project_id: str) -> list[Offer]:
    """Those of everybody, then the project's own. Discs are none that this dialect speaks of."""
    found = []
    for owner in (CATALOGUE, project_id):
        found += await tx.images.page(Filter(project_id=owner, limit=ROWS_MAX))
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


async def plan_meant(tx: Transaction, names: Catalogue, plan: str) -> Plan | None:
    """What is not known here yet. Raises Invalid."""
    if await tx.plans.find(plan) is not None:
        return None
    theirs = names.type_by_id.get(plan)
    if theirs is None:
        raise Invalid(f"type: there is no instance type {plan!r}", field="type")
    return plan_here(theirs)


async def ensure_region(request: Call, region: str | None) -> str:
    """A region that was not named is the file's default. It becomes known here when it is first
    used. Raises Invalid."""
    names, store = catalogue_of(request), services_of(request).store
    name = region or names.default_region

    def there(own: str) -> Region | None:
        theirs = names.region_by_id.get(name)
        return region_here(theirs, own) if theirs is not None else None

    refused = f"region: there is no region {name!r}"
    new = await foreign.region_meant(store.read(), name, there, refused)
    await catalogue.adopt(store, region=new)
    return name


async def source_meant(
    tx: Transaction, names: Catalogue, project_id: str, text: str
) -> Image | Snapshot:
    """An image by its id, its slug, `slug:version` or its own name, or a snapshot by its id. Raises
    Invalid."""
    try:
        return await by_id(tx, project_id, text)
    except ValueError:
        return await by_slug(tx, names, project_id, text)


async def by_id(tx: Transaction, project_id: str, text: str) -> Image | Snapshot:
    """Raises ValueError where it is none, Invalid where nothing has it."""
    image = await tx.images.find(ids.from_uuid(ids.IMAGE, text))
    if image is not None and image.project_id in {CATALOGUE, project_id}:
        return image
    snapshot = await tx.snapshots.find(ids.from_uuid(ids.SNAPSHOT, text))
    if snapshot is not None and snapshot.project_id == project_id:
        return snapshot
    raise Invalid(f"image: no image and no snapshot has the id {text}", field="image")


async def by_slug(tx: Transaction, names: Catalogue, project_id: str, text: str) -> Image:
    slug, _, version = text.partition(":")
    known = names.image_by_slug.get(slug)
    image = await references.image_called(tx, project_id, known.image if known else slug)
    if image is None:
        raise Invalid(f"image: no image has the id or slug {slug!r}", field="image")
    if version and version != image.image_version:
        raise Invalid(
            f"image: {slug} has the version {image.image_version!r}, not {version!r}", field="image"
        )
    return image
