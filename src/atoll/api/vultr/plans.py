"""`/v2/plans` and `/v2/plans-metal`."""

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from atoll.api.http import Call
from atoll.api.vultr import offers, wire
from atoll.api.vultr.catalogue import VultrPlan
from atoll.api.vultr.wire import Meta, Paging, catalogue_of, view_of


class PlanOut(msgspec.Struct, kw_only=True):
    id: str
    vcpu_count: int
    ram: int
    disk: int
    disk_count: int
    bandwidth: int
    monthly_cost: int
    type: str
    locations: list[str]
    gpu_vram_gb: int
    gpu_type: str


class PlanList(msgspec.Struct, kw_only=True):
    plans: list[PlanOut]
    meta: Meta


class MetalPlanOut(msgspec.Struct, kw_only=True):
    id: str
    cpu_count: int
    cpu_model: str
    cpu_threads: int
    ram: int
    disk: int
    disk_count: int
    bandwidth: int
    monthly_cost: int
    type: str
    locations: list[str]


class MetalPlanList(msgspec.Struct, kw_only=True):
    plans_metal: list[MetalPlanOut]
    meta: Meta


def show(plan: VultrPlan, locations: list[str]) -> PlanOut:
    return PlanOut(
        id=plan.id, vcpu_count=plan.vcpus, ram=plan.ram, disk=plan.disk,
        disk_count=plan.disk_count, bandwidth=plan.bandwidth, monthly_cost=plan.monthly_cost,
        type=plan.type, locations=locations, gpu_vram_gb=plan.gpu_vram_gb, gpu_type=plan.gpu_type,
    )  # fmt: skip


def show_metal(plan: VultrPlan, locations: list[str]) -> MetalPlanOut:
    return MetalPlanOut(
        id=plan.id, cpu_count=plan.vcpus, cpu_model=plan.cpu_model, cpu_threads=plan.cpu_threads,
        ram=plan.ram, disk=plan.disk, disk_count=plan.disk_count, bandwidth=plan.bandwidth,
        monthly_cost=plan.monthly_cost, type=plan.type, locations=locations,
    )  # fmt: skip


class Plans(Controller):
    path = "/plans"
    tags = ("plans",)

    @get("/", operation_id="list-plans", summary="List Plans",
         responses=wire.ANY_ERROR | wire.shown(PlanList, "one page"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        type: FromQuery[str | None] = None,
        os: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        view, names = view_of(request), catalogue_of(request)
        regions = await offers.regions(view, names)
        every = offers.of_type(await offers.plans(view, names), type)
        page, meta = wire.part_of([] if os == offers.WINDOWS else every, paging)
        shapes = await offers.shapes(view, regions)
        out = [show(plan, offers.locations(plan, regions, shapes)) for plan in page]
        return wire.answer(PlanList(plans=out, meta=meta))


class MetalPlans(Controller):
    path = "/plans-metal"
    tags = ("plans",)

    @get("/", operation_id="list-metal-plans", summary="List Bare Metal Plans",
         responses=wire.ANY_ERROR | wire.shown(MetalPlanList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        view, names = view_of(request), catalogue_of(request)
        regions = await offers.regions(view, names)
        page, meta = wire.part_of(await offers.metal_plans(view, names), paging)
        shapes = await offers.shapes(view, regions)
        out = [show_metal(plan, offers.locations(plan, regions, shapes)) for plan in page]
        return wire.answer(MetalPlanList(plans_metal=out, meta=meta))
