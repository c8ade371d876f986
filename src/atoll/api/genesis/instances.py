"""`/compute/v1/instances`."""

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api import foreign
from atoll.api.genesis import instance_changes, instance_creation, wire
from atoll.api.genesis.instance_changes import UpdateBody
from atoll.api.genesis.instance_creation import CreateBody
from atoll.api.genesis.instance_views import InstanceOut, load_related, show
from atoll.api.genesis.wire import Page, Paging
from atoll.api.http import Call
from atoll.domain import ids
from atoll.domain.commands import (
    AttachFloatingIp,
    AttachVolume,
    CreateInstance,
    DeleteInstance,
    DetachVolume,
    ResizeInstance,
    UpdateInstance,
)
from atoll.domain.errors import NotFound
from atoll.domain.instances import Instance, InstanceState
from atoll.service.nouns import INSTANCES

CREATE = (CreateInstance, AttachVolume, AttachFloatingIp)
UPDATE = (UpdateInstance, ResizeInstance, AttachVolume, DetachVolume)


class InstanceAnswer(msgspec.Struct, kw_only=True):
    instance: InstanceOut


class InstanceList(Page, kw_only=True):
    instances: list[InstanceOut]


class Instances(Controller):
    path = "/instances"
    tags = ("instances",)

    @get("/", operation_id="listInstances", summary="List instances",
         responses=wire.ANY_ERROR | wire.shown(InstanceList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        page, about = await wire.page_of(request, INSTANCES, paging)
        related = await load_related(request, page)
        out = [show(one, related) for one in page]
        return wire.answer(InstanceList(instances=out, **about))

    @post("/", operation_id="createInstance", commands=CREATE, status_code=201,
          summary="Create an instance",
          responses=wire.ANY_ERROR | wire.shown(InstanceAnswer, "accepted", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        outcome = await wire.execute(request, *await instance_creation.wishes_of(request, data))
        return wire.respond(outcome, await answer_of(request, outcome.thing), 201)

    @get("/{instance_id:str}", operation_id="getInstance", summary="Get an instance",
         responses=wire.ANY_ERROR | wire.shown(InstanceAnswer, "the instance"))  # fmt: skip
    async def read(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        return wire.answer(await answer_of(request, instance))

    @patch("/{instance_id:str}", operation_id="updateInstance", commands=UPDATE,
           summary="Update an instance",
           responses=wire.ANY_ERROR | wire.shown(InstanceAnswer, "as it now is"))  # fmt: skip
    async def update(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        wishes = await instance_changes.wishes_of(request, instance, data)
        outcome = await wire.execute(request, *wishes)
        # The last command changes the instance itself.
        return wire.respond(outcome, await answer_of(request, outcome.things[-1]))

    @delete("/{instance_id:str}", operation_id="destroyInstance", commands=(DeleteInstance,),
            status_code=204, summary="Delete an instance", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, instance_id: FromPath[str]) -> Response[None]:
        """Delete the instance for good. Its volumes and its address are then free."""
        instance = await instance_of(request, instance_id)
        return await wire.no_content(request, DeleteInstance(instance=instance.id, purge=True))


async def instance_of(request: Call, instance_id: str) -> Instance:
    """Find the instance of a path. Raises NotFound, also for a deleted one: with the reason, if its
    creation failed."""
    instance = await foreign.get(request, INSTANCES, ids.INSTANCE, instance_id)
    if instance.state is InstanceState.DELETED:
        why = f": {instance.reason}" if instance.reason else ""
        raise NotFound(f"instance {wire.uuid_of(instance.id)} is deleted{why}")
    return instance


async def answer_of(request: Call, instance: Instance) -> InstanceAnswer:
    """Show the instance with its present resources."""
    related = await load_related(request, [instance])
    return InstanceAnswer(instance=show(instance, related))
