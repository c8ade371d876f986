"""Actions of an instance: start, stop and reset it, create snapshots, and read its user data."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta as Bounds

from atoll.api.genesis import snapshots, user_data, wire
from atoll.api.genesis.instances import instance_of
from atoll.api.genesis.snapshots import SnapshotAnswer, SnapshotList
from atoll.api.genesis.wire import Paging, Wire
from atoll.api.http import Call
from atoll.domain.commands import CreateSnapshot, ResetInstance, StartInstance, StopInstance
from atoll.domain.errors import Invalid
from atoll.service.queries import Query, equal

PATH = "/{instance_id:str}"
Power = StartInstance | StopInstance | ResetInstance
VERBS: dict[str, type[Power]] = {
    "start": StartInstance,
    "stop": StopInstance,
    "reset": ResetInstance,
}


class ActionBody(Wire, kw_only=True):
    action: Annotated[str, Bounds(max_length=32)]


class ActionList(msgspec.Struct, kw_only=True):
    """The actions that are possible now."""

    actions: list[str]


class SnapshotBody(Wire, kw_only=True):
    name: str
    replicated_region: str | None = None


def parse_action(body: ActionBody) -> type[Power]:
    if body.action not in VERBS:
        raise Invalid(f"action must be one of {', '.join(VERBS)}", field="action")
    return VERBS[body.action]


def parse_snapshot(body: SnapshotBody, instance_id: str) -> CreateSnapshot:
    if body.replicated_region:
        raise Invalid(
            "replicated_region: a snapshot is in one region here: clone it into another one when "
            "it is created",
            field="replicated_region",
        )
    return CreateSnapshot(name=body.name, instance=instance_id)


class InstanceActions(Controller):
    path = "/instances"
    tags = ("instances",)

    @get(f"{PATH}/actions", operation_id="listInstanceActions", summary="Get instance actions",
         responses=wire.ANY_ERROR | wire.shown(ActionList, "those that are possible"))  # fmt: skip
    async def actions(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        return wire.answer(ActionList(actions=wire.actions_of(instance)))

    @post(f"{PATH}/actions", operation_id="performInstanceAction", commands=tuple(VERBS.values()),
          status_code=204, summary="Perform an action", responses=wire.ANY_ERROR)  # fmt: skip
    async def perform(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[ActionBody]
    ) -> Response[None]:
        verb = parse_action(data)
        instance = await instance_of(request, instance_id)
        return await wire.no_content(request, verb(instance=instance.id))

    @get(f"{PATH}/snapshots", operation_id="listInstanceSnapshots",
         summary="List the snapshots of an instance",
         responses=wire.ANY_ERROR | wire.shown(SnapshotList, "one page"))  # fmt: skip
    async def snapshots(
        self, request: Call, instance_id: FromPath[str], paging: NamedDependency[Paging]
    ) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        wanted = Query(equals=equal(instance_id=instance.id))
        return await snapshots.page_of(request, paging, wanted)

    @post(f"{PATH}/snapshots", operation_id="createInstanceSnapshot", commands=(CreateSnapshot,),
          status_code=201, summary="Snapshot an instance",
          responses=wire.ANY_ERROR | wire.shown(SnapshotAnswer, "accepted", 201))  # fmt: skip
    async def snapshot(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[SnapshotBody]
    ) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        command = parse_snapshot(data, instance.id)
        return await wire.mutate(request, snapshots.show_answer, command, 201)

    @get(f"{PATH}/user-metadata", operation_id="getInstanceUserMetadata",
         summary="Get the user data of an instance",
         responses=wire.ANY_ERROR | wire.shown(dict[str, Any], "as it was given"))  # fmt: skip
    async def user_metadata(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        return wire.answer(user_data.show(instance.spec.user_data))
