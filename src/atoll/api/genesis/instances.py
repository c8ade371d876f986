"""`/compute/v1/instances`."""

from functools import partial

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api.genesis import instance_changes, instance_creation, wire
from atoll.api.genesis.instance_changes import UpdateBody
from atoll.api.genesis.instance_creation import CreateBody
from atoll.api.genesis.instance_views import InstanceOut, around, show
from atoll.api.genesis.wire import Page, Paging, catalogue_of, services_of
from atoll.api.http import Call, caller_of
from atoll.domain import ids
from atoll.domain.errors import NotFound
from atoll.domain.instances import Instance, InstanceState
from atoll.ports import Filter
from atoll.service import instance_delete, instances


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
        rows = services_of(request).store.read().instances
        page, about = await wire.page_of(request, rows, paging, Filter())
        near = await around(request, page)
        return wire.answer(InstanceList(instances=[show(one, near) for one in page], **about))

    @post("/", operation_id="createInstance", status_code=201, summary="Create an instance",
          responses=wire.ANY_ERROR | wire.shown(InstanceAnswer, "accepted", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        use_case = await instance_creation.use_case_of(request, data)
        return await wire.shown_after(request, use_case, partial(answer_of, request), 201)

    @get("/{instance_id:str}", operation_id="getInstance", summary="Get an instance",
         responses=wire.ANY_ERROR | wire.shown(InstanceAnswer, "the instance"))  # fmt: skip
    async def read(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        return wire.answer(await answer_of(request, instance.id))

    @patch("/{instance_id:str}", operation_id="updateInstance", summary="Update an instance",
           responses=wire.ANY_ERROR | wire.shown(InstanceAnswer, "as it now is"))  # fmt: skip
    async def update(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        use_case = instance_changes.use_case_of(instance.id, data, catalogue_of(request))
        return await wire.shown_after(request, use_case, partial(answer_of, request))

    @delete("/{instance_id:str}", operation_id="destroyInstance", status_code=204,
            summary="Delete an instance", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, instance_id: FromPath[str]) -> Response[None]:
        """For good: when it is gone, its volumes and its address are free."""
        instance = await instance_of(request, instance_id)
        return await wire.gone(request, instance_delete.delete(instance.id))


async def instance_of(request: Call, instance_id: str) -> Instance:
    """What a path means. Raises NotFound, of a deleted one too: with the reason why, if it came to
    nothing."""
    reference = wire.native_id(ids.INSTANCE, instance_id)
    read = services_of(request).store.read()
    instance = await instances.get(read, caller_of(request), reference)
    if instance.state is InstanceState.DELETED:
        why = f": {instance.reason}" if instance.reason else ""
        raise NotFound(f"instance {reference} is gone{why}")
    return instance


async def answer_of(request: Call, instance_id: str) -> InstanceAnswer:
    """With all that it has by now."""
    instance = await services_of(request).store.read().instances.get(instance_id)
    return InstanceAnswer(instance=show(instance, await around(request, [instance])))
