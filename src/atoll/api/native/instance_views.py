"""`/v1/instances/{instance_id}/log` and `…/explain`: further views of an instance."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from atoll.api.http import Call, json_response
from atoll.api.native import wire
from atoll.api.native.proposals import HostVerdict, show_verdicts
from atoll.api.native.wire import services_of, view_of
from atoll.domain.instances import Instance
from atoll.service import consoles, operations, proposals, queries
from atoll.service.desk import View
from atoll.service.nouns import INSTANCES

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
        summary="Get the end of the serial console's log",
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
        bus = services_of(request).bus
        text = await consoles.log_end(view_of(request), bus, instance_id, bytes_)
        return Response(text, media_type="text/plain")

    @get(
        "/{instance_id:str}/explain", operation_id="explainInstance",
        summary="Explain what an instance waits for, and why each host was chosen or not",
        responses=wire.READS | wire.shown(Explanation, "the explanation"),
    )  # fmt: skip
    async def explain(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        view = view_of(request)
        instance = await queries.get(view, INSTANCES, instance_id)
        return json_response(wire.encode(await explanation(view, instance)))


async def explanation(view: View, instance: Instance) -> Explanation:
    waiting = await operations.what_waits(view, instance.id)
    return Explanation(
        state=wire.instance_word(instance), goal=instance.goal,
        operation_id=instance.operation_id or "", doing=instance.doing or "",
        waiting_for=waiting, reason=instance.why,
        hosts=show_verdicts(await proposals.hosts_for(view, instance)),
    )  # fmt: skip
