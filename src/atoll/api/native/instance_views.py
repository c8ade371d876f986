"""`/v1/instances/{instance_id}/log` and `…/explain`: what else can be seen of an instance."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from atoll.api.http import Call, caller_of, json_response
from atoll.api.native import wire
from atoll.api.native.instances import HostVerdict, show_verdicts
from atoll.api.native.wire import services_of
from atoll.domain.instances import Instance
from atoll.messages import ReadGuestLog
from atoll.service import instances, preview
from atoll.service.operations import waiting_for

LOG_BYTES_DEFAULT, LOG_BYTES_MAX = 65_536, 1_048_576


class Explanation(msgspec.Struct, kw_only=True):
    state: str
    goal: str
    operation_id: str
    doing: str
    waiting_for: str
    reason: str
    hosts: list[HostVerdict]


class InstanceViews(Controller):
    path = "/instances"
    tags = ("Instances",)

    @get(
        "/{instance_id:str}/log", operation_id="getInstanceLog", media_type="text/plain",
        summary="Get the end of the serial console log",
        responses=wire.READS
        | {200: ResponseSpec(str, description="text", generate_examples=False,
                             media_type="text/plain")},
    )  # fmt: skip
    async def log(
        self,
        request: Call,
        instance_id: FromPath[str],
        bytes_: Annotated[
            int, QueryParameter(name="bytes", ge=1, le=LOG_BYTES_MAX)
        ] = LOG_BYTES_DEFAULT,
    ) -> Response[bytes]:
        services = services_of(request)
        instance = await instances.get(services.store.read(), caller_of(request), instance_id)
        text: Any = b""
        if instance.host_id is not None:
            wanted = ReadGuestLog(guest_id=instance.id, bytes_max=bytes_)
            text = await services.bus.request(instance.host_id, wanted, timeout_s=10)
        return Response(text, media_type="text/plain")

    @get(
        "/{instance_id:str}/explain", operation_id="explainInstance",
        summary="Explain what an instance is waiting for",
        responses=wire.READS | wire.shown(Explanation, "the explanation"),
    )  # fmt: skip
    async def explain(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        tx = services_of(request).store.read()
        instance = await instances.get(tx, caller_of(request), instance_id)
        return json_response(wire.encode(await explanation(tx, instance)))


async def explanation(tx: Any, instance: Instance) -> Explanation:
    waiting = ""
    for operation in await tx.operations.live_on(instance.id):
        waiting = waiting or await waiting_for(tx, operation)
    return Explanation(
        state=wire.instance_word(instance), goal=instance.goal,
        operation_id=instance.operation_id or "", doing=instance.doing or "",
        waiting_for=waiting, reason=instance.reason,
        hosts=show_verdicts(await preview.hosts_for(tx, instance)),
    )  # fmt: skip
