"""`/compute/v1/availability/{region}/instances`: the types with room for an instance now."""

import msgspec
from litestar import Controller, Response, get
from litestar.params import FromPath, FromQuery
from msgspec import UNSET, UnsetType

from atoll.api.genesis import offers, wire
from atoll.api.genesis.wire import catalogue_of, view_of
from atoll.api.http import Call
from atoll.domain.errors import NotFound
from atoll.service import proposals


class TypeOut(msgspec.Struct, kw_only=True):
    type: str
    available: bool


class AvailabilityOut(msgspec.Struct, kw_only=True):
    type: str = "instances"
    region: str
    placement: str | UnsetType = UNSET
    instance_types: list[TypeOut]


class AvailabilityAnswer(msgspec.Struct, kw_only=True):
    availability: AvailabilityOut


async def types_in(request: Call, region: str) -> list[TypeOut]:
    """List the types of a region that have room. Raises NotFound."""
    view, names = view_of(request), catalogue_of(request)
    if region not in await offers.regions(view, names):
        raise NotFound(f"there is no region {region!r}")
    plans = await offers.plans(view, names)
    served_by = await offers.serving(view, names, region)
    room = await proposals.room_for(view, served_by, plans)
    return [TypeOut(type=plan.id, available=room[plan.id]) for plan in plans]


class Availability(Controller):
    path = "/availability"
    tags = ("availability",)

    @get("/{region:str}/instances", operation_id="getInstanceAvailability",
         summary="List the instance types available in a region",
         responses=wire.ANY_ERROR | wire.shown(AvailabilityAnswer, "all types"))  # fmt: skip
    async def instances(
        self, request: Call, region: FromPath[str], placement: FromQuery[str | None] = None
    ) -> Response[bytes]:
        view_of(request).require("read")
        found = AvailabilityOut(
            region=region, placement=placement or UNSET,
            instance_types=await types_in(request, region),
        )  # fmt: skip
        return wire.answer(AvailabilityAnswer(availability=found))
