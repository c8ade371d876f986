"""`/v2/regions`, and the plans of each."""

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from atoll.api.http import Call
from atoll.api.vultr import offers, wire
from atoll.api.vultr.catalogue import VultrRegion
from atoll.api.vultr.wire import Meta, Paging, catalogue_of, view_of
from atoll.domain.errors import NotFound

OPTIONS = ["block_storage_high_perf", "block_storage_storage_opt"]


class RegionOut(msgspec.Struct, kw_only=True):
    id: str
    city: str
    country: str
    continent: str
    options: list[str]


class RegionList(msgspec.Struct, kw_only=True):
    regions: list[RegionOut]
    meta: Meta


class AvailabilityAnswer(msgspec.Struct, kw_only=True):
    available_plans: list[str]


def show(region: VultrRegion) -> RegionOut:
    return RegionOut(
        id=region.id, city=region.city, country=region.country, continent=region.continent,
        options=OPTIONS,
    )  # fmt: skip


class Regions(Controller):
    path = "/regions"
    tags = ("region",)

    @get("/", operation_id="list-regions", summary="List Regions",
         responses=wire.ANY_ERROR | wire.shown(RegionList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        view, names = view_of(request), catalogue_of(request)
        page, meta = wire.part_of(await offers.regions(view, names), paging)
        return wire.answer(RegionList(regions=[show(region) for region in page], meta=meta))

    @get("/{region_id:str}/availability", operation_id="list-available-plans-region",
         summary="List available plans in region",
         responses=wire.ANY_ERROR | wire.shown(AvailabilityAnswer, "ids of plans"))  # fmt: skip
    async def availability(
        self,
        request: Call,
        region_id: FromPath[str],
        type: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """List the plans of a region; bare metal only with `type`."""
        view, names = view_of(request), catalogue_of(request)
        here = [region for region in await offers.regions(view, names) if region.id == region_id]
        if not here:
            raise NotFound(f"there is no region {region_id}")
        every = await offers.plans(view, names)
        if type in {offers.ALL, offers.METAL_TYPE}:
            every += await offers.metal_plans(view, names)
        shapes = await offers.shapes(view, here)
        found = [p.id for p in offers.of_type(every, type) if offers.locations(p, here, shapes)]
        return wire.answer(AvailabilityAnswer(available_plans=found))
