"""`/v2/instances/…/iso`: the disc in an instance's CD drive."""

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, JSONBody

from atoll.api.http import Call
from atoll.api.vultr import wire
from atoll.api.vultr.instances import instance_of
from atoll.api.vultr.wire import Wire, services_of
from atoll.domain import ids
from atoll.domain.instances import Instance
from atoll.operations.instance_iso import ATTACH, DETACH
from atoll.ports import Transaction
from atoll.service import instance_iso
from atoll.service.desk import Accepted, Case

PATH = "/{instance_id:str}/iso"
READY, MOUNTING, MOUNTED = "ready", "ismounting", "isomounted"


class IsoBody(Wire, kw_only=True):
    iso_id: str


class IsoStatus(msgspec.Struct, kw_only=True):
    """`state`: ready (there is none), ismounting, isomounted."""

    iso_id: str
    state: str


class IsoAnswer(msgspec.Struct, kw_only=True):
    iso_status: IsoStatus


def status_of(iso_id: str | None, state: str = MOUNTED) -> IsoAnswer:
    shown = IsoStatus(iso_id=wire.uuid_of(iso_id), state=state if iso_id else READY)
    return IsoAnswer(iso_status=shown)


async def status_now(tx: Transaction, instance: Instance) -> IsoAnswer:
    """While its guest still starts without a disc, that is said to be out already."""
    if instance.doing == DETACH.kind:
        return status_of(None)
    if instance.doing == ATTACH.kind and instance.operation_id is not None:
        operation = await tx.operations.get(instance.operation_id)
        return status_of(operation.arguments.get("new"), MOUNTING)
    return status_of(instance.iso_id)


class InstanceIsos(Controller):
    path = "/instances"
    tags = ("instances",)

    @get(PATH, operation_id="get-instance-iso-status", summary="Get Instance ISO Status",
         responses=wire.ANY_ERROR | wire.shown(IsoAnswer, "the state"))  # fmt: skip
    async def read(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        return wire.answer(await status_now(services_of(request).store.read(), instance))

    @post(f"{PATH}/attach", operation_id="attach-instance-iso", status_code=202,
          summary="Attach ISO to Instance",
          responses=wire.ANY_ERROR | wire.shown(IsoAnswer, "the state", 202))  # fmt: skip
    async def attach(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[IsoBody]
    ) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        iso_id = wire.native_id_in(ids.IMAGE, data.iso_id, "iso_id")

        async def use_case(case: Case) -> Accepted[Instance]:
            """The disc that is in it already is no change."""
            case.require("write")
            now = await case.tx.instances.get(instance.id)
            if now.iso_id == iso_id:
                return Accepted(now)
            return await instance_iso.attach(now.id, iso_id)(case)

        def answer(accepted: Accepted[Instance]) -> IsoAnswer:
            return status_of(iso_id, MOUNTED if accepted.operation is None else MOUNTING)

        return await wire.mutate(request, use_case, answer, 202)

    @post(f"{PATH}/detach", operation_id="detach-instance-iso", status_code=202,
          summary="Detach ISO from instance",
          responses=wire.ANY_ERROR | wire.shown(IsoAnswer, "the state", 202))  # fmt: skip
    async def detach(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        """Where there is none, that is done already."""
        instance = await instance_of(request, instance_id)

        async def use_case(case: Case) -> Accepted[Instance]:
            case.require("write")
            now = await case.tx.instances.get(instance.id)
            return Accepted(now) if now.iso_id is None else await instance_iso.detach(now.id)(case)

        return await wire.mutate(request, use_case, lambda _: status_of(None), 202)
