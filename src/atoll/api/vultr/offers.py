"""Lists of plans, regions and systems: those of the file, and Atoll's own that the file does not
list. They need no key."""

from collections.abc import Mapping, Sequence

import msgspec

from atoll.api import foreign
from atoll.api.http import Call
from atoll.api.vultr.catalogue import (
    Catalogue,
    System,
    VultrPlan,
    VultrRegion,
    kind_of,
    plan_here,
    plan_there,
    region_here,
    region_there,
    system_there,
)
from atoll.api.vultr.wire import catalogue_of, services_of, view_of
from atoll.domain.errors import Invalid
from atoll.domain.images import ImageKind, ImageState
from atoll.domain.plans import Plan
from atoll.domain.regions import Region
from atoll.service import accelerators, catalogue, queries, room
from atoll.service import images as image_service
from atoll.service.desk import View
from atoll.service.nouns import PLANS, REGIONS
from atoll.service.room import Shape

ALL, METAL_TYPE, WINDOWS = "all", "vbm", "windows"


async def plans(view: View, names: Catalogue) -> list[VultrPlan]:
    """Return the plans, with the sizes that the operator gave them."""
    own = {plan.id: plan for plan in await queries.find_every(view, PLANS)}
    known = [sized(plan, own.get(plan.id)) for plan in names.plans]
    return known + [plan_there(p) for p in own.values() if p.id not in names.plan_by_id]


async def metal_plans(view: View, names: Catalogue) -> list[VultrPlan]:
    own = {plan.id: plan for plan in await queries.find_every(view, PLANS)}
    return [sized(plan, own.get(plan.id)) for plan in names.metal_plans]


def sized(plan: VultrPlan, own: Plan | None) -> VultrPlan:
    if own is None:
        return plan
    return msgspec.structs.replace(plan, vcpus=own.vcpus, ram=own.memory_mib, disk=own.disk_gib)


def of_type(plans: Sequence[VultrPlan], wanted: str | None) -> list[VultrPlan]:
    """Filter by a type, or by the beginning of ids, such as `voc-g`."""
    if not wanted or wanted == ALL:
        return list(plans)
    return [p for p in plans if p.type == wanted or p.id.startswith(f"{wanted}-")]


Shapes = Mapping[str, frozenset[Shape]]


def locations(plan: VultrPlan, regions: Sequence[VultrRegion], shapes: Shapes) -> list[str]:
    """Return the regions with a host that is large enough, and has the GPU. Regions with equal sets
    of hosts are examined once."""
    kind = kind_of(plan.gpu_type) if plan.gpu_type else None
    fits = {
        hosts: any(room.fits(host, plan.vcpus, plan.ram, plan.disk, kind) for host in hosts)
        for hosts in set(shapes.values())
    }
    return [region.id for region in regions if fits[shapes[region.id]]]


async def shapes(view: View, regions: Sequence[VultrRegion]) -> Shapes:
    """Return the different kinds of hosts in each region."""
    there = await room.shapes_by_region(view)
    own, known = await foreign.own_region(view), await queries.find_every(view, REGIONS)
    served = {region.id: region.served_by or region.id for region in known}
    places = {one.id: served.get(one.id) or one.served_by or own for one in regions}
    return {region: there.get(place, frozenset()) for region, place in places.items()}


async def regions(view: View, names: Catalogue) -> list[VultrRegion]:
    own = await queries.find_every(view, REGIONS)
    return [*names.regions, *(region_there(r) for r in own if r.id not in names.region_by_id)]


async def systems(view: View, names: Catalogue) -> list[System]:
    images = await image_service.find_catalogue(view)
    return [
        *names.systems,
        *(
            system_there(image)
            for image in images
            if image.name not in names.system_by_image
            and image.alias_of is None
            and image.kind is ImageKind.DISK
            and image.state is not ImageState.ERROR
        ),
    ]


async def system(view: View, names: Catalogue, number: int) -> System | None:
    if number in names.system_by_id:
        return names.system_by_id[number]
    return next((one for one in await systems(view, names) if one.id == number), None)


async def resolve_plan(view: View, names: Catalogue, plan: str) -> Plan | None:
    """Return a plan of the file that does not exist yet; None for others. Raises Invalid."""
    own, theirs = await queries.find_by_ids(view, PLANS, [plan]), names.plan_by_id.get(plan)
    if not own and theirs is None:
        raise Invalid("Invalid plan chosen. See /v2/plans", field="plan")
    if theirs is not None and theirs.gpu_type:
        there = await accelerators.kinds_by_region(view.tx)
        if not any(kind_of(theirs.gpu_type) in kinds for kinds in there.values()):
            gpu = theirs.gpu_type
            raise Invalid(f"Invalid plan chosen. No host has a {gpu}", field="plan")
    if own or theirs is None:
        return None
    return plan_here(theirs, bare_metal=names.is_metal(plan))


async def ensure_region(request: Call, region: str) -> None:
    """Create a region of the file at its first use. Raises Invalid and Forbidden."""
    view, names = view_of(request), catalogue_of(request)
    view.require("write")

    def there(own: str) -> Region | None:
        theirs = names.region_by_id.get(region)
        return region_here(theirs, own) if theirs is not None else None

    new = await foreign.resolve_region(view, region, there, "Invalid region. See /v2/regions")
    await catalogue.adopt(services_of(request).store, region=new)
