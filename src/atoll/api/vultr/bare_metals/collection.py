"""`/v2/bare-metals`: instances of bare metal plans, in the form of that resource."""

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, UnsetType

from atoll.api.http import Call
from atoll.api.serving import Asked
from atoll.api.vultr import wire
from atoll.api.vultr.catalogue import Catalogue
from atoll.api.vultr.instances import create, update
from atoll.api.vultr.instances.collection import CREATE, UPDATE, instance_in, instance_of
from atoll.api.vultr.instances.create import CreateBody
from atoll.api.vultr.instances.power import (
    Power,
    ReinstallBody,
    parse_reinstall,
    reinstalled,
)
from atoll.api.vultr.instances.power import power as power_of
from atoll.api.vultr.instances.show import (
    InstanceOut,
    Related,
    load_related,
    show,
    show_with_password,
)
from atoll.api.vultr.instances.update import UpdateBody
from atoll.api.vultr.wire import Meta, Paging, Wire, catalogue_of
from atoll.domain.commands import (
    Command,
    DeleteInstance,
    RebootInstance,
    ReinstallInstance,
    StartInstance,
    StopInstance,
)
from atoll.domain.errors import Invalid, NotFound
from atoll.domain.instances import Instance
from atoll.service.nouns import INSTANCES
from atoll.service.queries import Query, equal

PATH = "/{baremetal_id:str}"


class BulkBody(Wire, kw_only=True):
    baremetal_ids: list[str]


class BareMetalOut(msgspec.Struct, kw_only=True):
    """`ram` and `disk` are texts: "32768 MB", "2x 240GB SSD"."""

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


def show_metal(instance: Instance, related: Related) -> BareMetalAnswer:
    out = show_with_password(instance, related)
    return BareMetalAnswer(bare_metal=metal_of(instance, out, related.catalogue))


METAL = Query(equals=equal(bare_metal=True))


async def accepted(request: Call, *wishes: Command | Asked) -> Response[bytes]:
    """Answer 202 with the instance."""
    outcome = await wire.execute(request, *wishes)
    related = await load_related(request, [outcome.thing])
    return wire.respond(outcome, show_metal(outcome.thing, related), 202)


async def metal_instance(request: Call, baremetal_id: str) -> Instance:
    instance = await instance_of(request, baremetal_id)
    if not instance.bare_metal:
        raise NotFound(f"instance {instance.id} does not have a bare metal plan")
    return instance


def require_metal(request: Call, plan: str) -> None:
    if not catalogue_of(request).is_metal(plan):
        raise Invalid("Invalid plan chosen. See /v2/plans-metal", field="plan")


async def power(request: Call, verb: type[Power], baremetal_ids: list[str]) -> Response[None]:
    found = [await metal_instance(request, one) for one in dict.fromkeys(baremetal_ids)]
    return await wire.no_content(request, *power_of(verb, [instance.id for instance in found]))


class BareMetals(Controller):
    path = "/bare-metals"
    tags = ("baremetal",)

    @get("/", operation_id="list-baremetals", summary="List Bare Metal Instances",
         responses=wire.ANY_ERROR | wire.shown(BareMetalList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        names = catalogue_of(request)
        page, meta = await wire.page_of(request, INSTANCES, paging, METAL)
        related = await load_related(request, page)
        out = [metal_of(one, show(one, related), names) for one in page]
        return wire.answer(BareMetalList(bare_metals=out, meta=meta))

    @post("/", operation_id="create-baremetal", commands=CREATE, status_code=202,
          summary="Create Bare Metal Instance",
          responses=wire.ANY_ERROR | wire.shown(BareMetalAnswer, "accepted", 202))  # fmt: skip
    async def make(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        require_metal(request, data.plan)
        return await accepted(request, *await create.wishes_of(request, data))

    @get(PATH, operation_id="get-baremetal", summary="Get Bare Metal",
         responses=wire.ANY_ERROR | wire.shown(BareMetalAnswer, "the instance"))  # fmt: skip
    async def read(self, request: Call, baremetal_id: FromPath[str]) -> Response[bytes]:
        instance = await metal_instance(request, baremetal_id)
        return wire.answer(show_metal(instance, await load_related(request, [instance])))

    @patch(PATH, operation_id="update-baremetal", commands=UPDATE, status_code=202,
           summary="Update Bare Metal",
           responses=wire.ANY_ERROR | wire.shown(BareMetalAnswer, "accepted", 202))  # fmt: skip
    async def change(
        self, request: Call, baremetal_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        instance = await metal_instance(request, baremetal_id)
        if data.plan:
            require_metal(request, data.plan)
        outcome = await wire.execute(request, *await update.wishes_of(request, instance, data))
        changed = instance_in(outcome, instance)
        related = await load_related(request, [changed])
        return wire.respond(outcome, show_metal(changed, related), 202)

    @delete(PATH, operation_id="delete-baremetal", commands=(DeleteInstance,), status_code=204,
            summary="Delete Bare Metal", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, baremetal_id: FromPath[str]) -> Response[None]:
        instance = await metal_instance(request, baremetal_id)
        return await wire.no_content(request, DeleteInstance(instance=instance.id))

    @post("/halt", operation_id="halt-baremetals", commands=(StopInstance,), status_code=204,
          summary="Halt Bare Metals", responses=wire.ANY_ERROR)  # fmt: skip
    async def halt_many(self, request: Call, data: JSONBody[BulkBody]) -> Response[None]:
        return await power(request, StopInstance, data.baremetal_ids)

    @post("/start", operation_id="start-bare-metals", commands=(StartInstance,), status_code=204,
          summary="Start Bare Metals", responses=wire.ANY_ERROR)  # fmt: skip
    async def start_many(self, request: Call, data: JSONBody[BulkBody]) -> Response[None]:
        return await power(request, StartInstance, data.baremetal_ids)

    @post("/reboot", operation_id="reboot-bare-metals", commands=(RebootInstance,), status_code=204,
          summary="Reboot Bare Metals", responses=wire.ANY_ERROR)  # fmt: skip
    async def reboot_many(self, request: Call, data: JSONBody[BulkBody]) -> Response[None]:
        return await power(request, RebootInstance, data.baremetal_ids)

    @post(f"{PATH}/halt", operation_id="halt-baremetal", commands=(StopInstance,), status_code=204,
          summary="Halt Bare Metal", responses=wire.ANY_ERROR)  # fmt: skip
    async def halt(self, request: Call, baremetal_id: FromPath[str]) -> Response[None]:
        return await power(request, StopInstance, [baremetal_id])

    @post(f"{PATH}/start", operation_id="start-baremetal", commands=(StartInstance,),
          status_code=204, summary="Start Bare Metal", responses=wire.ANY_ERROR)  # fmt: skip
    async def start(self, request: Call, baremetal_id: FromPath[str]) -> Response[None]:
        return await power(request, StartInstance, [baremetal_id])

    @post(f"{PATH}/reboot", operation_id="reboot-baremetal", commands=(RebootInstance,),
          status_code=204, summary="Reboot Bare Metal", responses=wire.ANY_ERROR)  # fmt: skip
    async def reboot(self, request: Call, baremetal_id: FromPath[str]) -> Response[None]:
        return await power(request, RebootInstance, [baremetal_id])

    @post(f"{PATH}/reinstall", operation_id="reinstall-baremetal", commands=(ReinstallInstance,),
          status_code=202, summary="Reinstall Bare Metal",
          responses=wire.ANY_ERROR | wire.shown(BareMetalAnswer, "accepted", 202))  # fmt: skip
    async def reinstall(
        self,
        request: Call,
        baremetal_id: FromPath[str],
        data: JSONBody[ReinstallBody | None] = None,
    ) -> Response[bytes]:
        instance = await metal_instance(request, baremetal_id)
        outcome, new = await reinstalled(request, parse_reinstall(instance.id, data))
        related = await load_related(request, [new])
        return wire.respond(outcome, show_metal(new, related), 202)

    @get(f"{PATH}/vnc", operation_id="get-bare-metal-vnc", summary="Get VNC URL for a Bare Metal",
         responses=wire.ANY_ERROR | wire.shown(VncAnswer, "its page"))  # fmt: skip
    async def vnc(self, request: Call, baremetal_id: FromPath[str]) -> Response[bytes]:
        instance = await metal_instance(request, baremetal_id)
        related = await load_related(request, [instance])
        return wire.answer(VncAnswer(vnc=VncUrl(url=show(instance, related).kvm)))
