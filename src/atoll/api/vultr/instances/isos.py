"""`/v2/instances/…/iso`: the CD image in an instance's drive."""

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, JSONBody

from atoll.api.http import Call
from atoll.api.serving import Asked
from atoll.api.vultr import wire
from atoll.api.vultr.instances.collection import instance_of
from atoll.api.vultr.wire import Wire, view_of
from atoll.domain import ids
from atoll.domain.commands import AttachDisc, DetachDisc
from atoll.domain.instances import Instance
from atoll.service import instance_iso
from atoll.service.desk import View

PATH = "/{instance_id:str}/iso"
READY, MOUNTING, MOUNTED = "ready", "ismounting", "isomounted"


class IsoBody(Wire, kw_only=True):
    iso_id: str


class IsoStatus(msgspec.Struct, kw_only=True):
    """`state` is `ready` (no CD image), `ismounting` or `isomounted`."""

    iso_id: str
    state: str


class IsoAnswer(msgspec.Struct, kw_only=True):
    iso_status: IsoStatus


def status_of(iso_id: str | None, state: str = MOUNTED) -> IsoAnswer:
    shown = IsoStatus(iso_id=wire.uuid_of(iso_id), state=state if iso_id else READY)
    return IsoAnswer(iso_status=shown)


async def status_now(view: View, instance: Instance) -> IsoAnswer:
    """Return the status. A CD image counts as detached while the guest restarts without it."""
    change = await instance_iso.find_change(view, instance)
    if change is None:
        return status_of(instance.iso_id)
    return status_of(change.new, MOUNTING)


class InstanceIsos(Controller):
    path = "/instances"
    tags = ("instances",)

    @get(PATH, operation_id="get-instance-iso-status", summary="Get Instance ISO Status",
         responses=wire.ANY_ERROR | wire.shown(IsoAnswer, "the state"))  # fmt: skip
    async def read(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        return wire.answer(await status_now(view_of(request), instance))

    @post(f"{PATH}/attach", operation_id="attach-instance-iso", commands=(AttachDisc,),
          status_code=202, summary="Attach ISO to Instance",
          responses=wire.ANY_ERROR | wire.shown(IsoAnswer, "the state", 202))  # fmt: skip
    async def attach(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[IsoBody]
    ) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        iso_id = wire.native_id_in(ids.IMAGE, data.iso_id, "iso_id")

        command = AttachDisc(instance=instance.id, image=iso_id, attached_ok=True)
        outcome = await wire.execute(request, Asked(command, {"image": "iso_id"}))
        state = MOUNTING if outcome.operations else MOUNTED
        return wire.respond(outcome, status_of(iso_id, state), 202)

    @post(f"{PATH}/detach", operation_id="detach-instance-iso", commands=(DetachDisc,),
          status_code=202, summary="Detach ISO from instance",
          responses=wire.ANY_ERROR | wire.shown(IsoAnswer, "the state", 202))  # fmt: skip
    async def detach(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        """Detach the CD image. Without one, succeed."""
        instance = await instance_of(request, instance_id)

        command = DetachDisc(instance=instance.id, missing_ok=True)
        return await wire.mutate(request, lambda _: status_of(None), command, 202)
