"""`/v2/bare-metals`: instances of the plans that Vultr calls bare metal, in its words for them."""

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, UnsetType

from atoll.api.http import Call
from atoll.api.vultr import (
    instance_actions,
    instance_changes,
    instance_creation,
    wire,
)
from atoll.api.vultr.catalogue import METAL, Catalogue
from atoll.api.vultr.instance_actions import ReinstallBody
from atoll.api.vultr.instance_changes import UpdateBody
from atoll.api.vultr.instance_creation import CreateBody
from atoll.api.vultr.instance_views import (
    InstanceOut,
    Surroundings,
    around,
    show,
    show_with_password,
)
from atoll.api.vultr.instances import Kept, begun_with, instance_of
from atoll.api.vultr.wire import Meta, Paging, Wire, services_of
from atoll.domain.errors import Invalid, NotFound
from atoll.domain.instances import Instance
from atoll.ports import Filter
from atoll.service import instance_delete

PATH = "/{baremetal_id:str}"


class BulkBody(Wire, kw_only=True):
    baremetal_ids: list[str]


class BareMetalOut(msgspec.Struct, kw_only=True):
    """`ram` and `disk` in words: "32768 MB", "2x 240GB SSD"."""

    id: str
    os: str
    ram: str
    disk: str
    main_ip: str
    cpu_count: int
    region: str
    plan: str
    date_created: str
    status: str
    netmask_v4: str
    gateway_v4: str
    v6_network: str
    v6_main_ip: str
    v6_network_size: int
    mac_address: int
    label: str
    tag: str
    tags: list[str]
    os_id: int
    app_id: int
    image_id: str
    features: list[str]
    user_scheme: str
    default_password: str | UnsetType = UNSET


class BareMetalAnswer(msgspec.Struct, kw_only=True):
    bare_metal: BareMetalOut


class BareMetalList(msgspec.Struct, kw_only=True):
    bare_metals: list[BareMetalOut]
    meta: Meta


class VncUrl(msgspec.Struct, kw_only=True):
    url: str


class VncAnswer(msgspec.Struct, kw_only=True):
    vnc: VncUrl


def metal_of(instance: Instance, out: InstanceOut, names: Catalogue) -> BareMetalOut:
    plan = names.plan_by_id.get(instance.spec.plan)
    disk = f"{plan.disk_count}x {plan.disk}GB {plan.type}" if plan else f"{out.disk}GB"
    return BareMetalOut(
        id=out.id, os=out.os, ram=f"{out.ram} MB", disk=disk, main_ip=out.main_ip,
        cpu_count=out.vcpu_count, region=out.region, plan=out.plan, date_created=out.date_created,
        status=out.status, netmask_v4=out.netmask_v4, gateway_v4=out.gateway_v4,
        v6_network=out.v6_network, v6_main_ip=out.v6_main_ip,
        v6_network_size=out.v6_network_size,
        mac_address=int((instance.mac or "0").replace(":", ""), 16), label=out.label, tag=out.tag,
        tags=out.tags, os_id=out.os_id, app_id=0, image_id="", features=out.features,
        user_scheme=out.user_scheme, default_password=out.default_password,
    )  # fmt: skip


def show_metal(instance: Instance, near: Surroundings, _: Kept | None = None) -> BareMetalAnswer:
    out = show_with_password(instance, near)
    return BareMetalAnswer(bare_metal=metal_of(instance, out, near.catalogue))


async def metal_instance(request: Call, baremetal_id: str) -> Instance:
    instance = await instance_of(request, baremetal_id)
    if not instance.spec.plan.startswith(METAL):
        raise NotFound(f"instance {instance.id} has no plan of bare metal")
    return instance


def require_metal(plan: str) -> None:
    if not plan.startswith(METAL):
        raise Invalid("Invalid plan chosen. See /v2/plans-metal", field="plan")


async def power(request: Call, verb: str, baremetal_ids: list[str]) -> Response[None]:
    found = [await metal_instance(request, one) for one in dict.fromkeys(baremetal_ids)]
    use_case = instance_actions.power(verb, [instance.id for instance in found])
    return await wire.gone(request, use_case)


class BareMetals(Controller):
    path = "/bare-metals"
    tags = ("baremetal",)

    @get("/", operation_id="list-baremetals", summary="List Bare Metal Instances",
         responses=wire.ANY_ERROR | wire.shown(BareMetalList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        rows = services_of(request).store.read().instances
        every = await wire.every(request, rows, Filter())
        found = [one for one in every if one.spec.plan.startswith(METAL)]
        page, meta = wire.part_of(found, paging)
        near = await around(request)
        out = [metal_of(one, show(one, near), near.catalogue) for one in page]
        return wire.answer(BareMetalList(bare_metals=out, meta=meta))

    @post("/", operation_id="create-baremetal", status_code=202,
          summary="Create Bare Metal Instance",
          responses=wire.ANY_ERROR | wire.shown(BareMetalAnswer, "accepted", 202))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        require_metal(data.plan)
        use_case = await instance_creation.use_case_of(request, data)
        return await begun_with(request, use_case, show_metal)

    @get(PATH, operation_id="get-baremetal", summary="Get Bare Metal",
         responses=wire.ANY_ERROR | wire.shown(BareMetalAnswer, "the instance"))  # fmt: skip
    async def read(self, request: Call, baremetal_id: FromPath[str]) -> Response[bytes]:
        instance = await metal_instance(request, baremetal_id)
        return wire.answer(show_metal(instance, await around(request, instance)))

    @patch(PATH, operation_id="update-baremetal", status_code=202, summary="Update Bare Metal",
           responses=wire.ANY_ERROR | wire.shown(BareMetalAnswer, "accepted", 202))  # fmt: skip
    async def update(
        self, request: Call, baremetal_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        instance = await metal_instance(request, baremetal_id)
        if data.plan:
            require_metal(data.plan)
        use_case, _ = await instance_changes.use_case_of(request, instance, data)
        return await begun_with(request, use_case, show_metal)

    @delete(PATH, operation_id="delete-baremetal", status_code=204, summary="Delete Bare Metal",
            responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, baremetal_id: FromPath[str]) -> Response[None]:
        instance = await metal_instance(request, baremetal_id)
        recoverable_s = services_of(request).recoverable_s
        use_case = instance_delete.delete(instance.id, recoverable_s=recoverable_s)
        return await wire.gone(request, use_case)

    @post("/halt", operation_id="halt-baremetals", status_code=204, summary="Halt Bare Metals",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def halt_many(self, request: Call, data: JSONBody[BulkBody]) -> Response[None]:
        return await power(request, "stop", data.baremetal_ids)

    @post("/start", operation_id="start-bare-metals", status_code=204,
          summary="Start Bare Metals", responses=wire.ANY_ERROR)  # fmt: skip
    async def start_many(self, request: Call, data: JSONBody[BulkBody]) -> Response[None]:
        return await power(request, "start", data.baremetal_ids)

    @post("/reboot", operation_id="reboot-bare-metals", status_code=204,
          summary="Reboot Bare Metals", responses=wire.ANY_ERROR)  # fmt: skip
    async def reboot_many(self, request: Call, data: JSONBody[BulkBody]) -> Response[None]:
        return await power(request, "reboot", data.baremetal_ids)

    @post(f"{PATH}/halt", operation_id="halt-baremetal", status_code=204,
          summary="Halt Bare Metal", responses=wire.ANY_ERROR)  # fmt: skip
    async def halt(self, request: Call, baremetal_id: FromPath[str]) -> Response[None]:
        return await power(request, "stop", [baremetal_id])

    @post(f"{PATH}/start", operation_id="start-baremetal", status_code=204,
          summary="Start Bare Metal", responses=wire.ANY_ERROR)  # fmt: skip
    async def start(self, request: Call, baremetal_id: FromPath[str]) -> Response[None]:
        return await power(request, "start", [baremetal_id])

    @post(f"{PATH}/reboot", operation_id="reboot-baremetal", status_code=204,
          summary="Reboot Bare Metal", responses=wire.ANY_ERROR)  # fmt: skip
    async def reboot(self, request: Call, baremetal_id: FromPath[str]) -> Response[None]:
        return await power(request, "reboot", [baremetal_id])

    @post(f"{PATH}/reinstall", operation_id="reinstall-baremetal", status_code=202,
          summary="Reinstall Bare Metal",
          responses=wire.ANY_ERROR | wire.shown(BareMetalAnswer, "accepted", 202))  # fmt: skip
    async def reinstall(
        self,
        request: Call,
        baremetal_id: FromPath[str],
        data: JSONBody[ReinstallBody | None] = None,
    ) -> Response[bytes]:
        instance = await metal_instance(request, baremetal_id)
        use_case = instance_actions.reinstall(request, instance.id, data)
        return await begun_with(request, use_case, show_metal)

    @get(f"{PATH}/vnc", operation_id="get-bare-metal-vnc", summary="Get VNC URL for a Bare Metal",
         responses=wire.ANY_ERROR | wire.shown(VncAnswer, "its page"))  # fmt: skip
    async def vnc(self, request: Call, baremetal_id: FromPath[str]) -> Response[bytes]:
        instance = await metal_instance(request, baremetal_id)
        near = await around(request, instance)
        return wire.answer(VncAnswer(vnc=VncUrl(url=show(instance, near).kvm)))
