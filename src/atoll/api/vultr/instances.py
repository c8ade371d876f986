"""`/v2/instances`: create, list, read, change, delete."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from atoll.api.http import Call, caller_of
from atoll.api.vultr import instance_changes, instance_creation, wire
from atoll.api.vultr.catalogue import METAL
from atoll.api.vultr.instance_changes import UpdateBody
from atoll.api.vultr.instance_creation import CreateBody
from atoll.api.vultr.instance_views import (
    InstanceOut,
    Surroundings,
    around,
    show,
    show_with_password,
)
from atoll.api.vultr.wire import Meta, Paging, services_of
from atoll.domain import ids
from atoll.domain.errors import Invalid, NotFound
from atoll.domain.instances import Instance, InstanceState
from atoll.ports import Filter
from atoll.service import instance_delete, instances
from atoll.service.desk import Accepted, UseCase


class InstanceAnswer(msgspec.Struct, kw_only=True):
    instance: InstanceOut


class UpdateAnswer(msgspec.Struct, kw_only=True):
    """`job_ids` are those of the changes that go on."""

    instance: InstanceOut
    job_ids: list[str]


class InstanceList(msgspec.Struct, kw_only=True):
    instances: list[InstanceOut]
    meta: Meta


class Instances(Controller):
    path = "/instances"
    tags = ("instances",)

    @get("/", operation_id="list-instances", summary="List Instances",
         responses=wire.ANY_ERROR | wire.shown(InstanceList, "one page"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        tag: FromQuery[str | None] = None,
        label: FromQuery[str | None] = None,
        main_ip: FromQuery[str | None] = None,
        region: FromQuery[str | None] = None,
        firewall_group_id: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        rows = services_of(request).store.read().instances
        wanted = Filter(
            name=label or None,
            labels=tuple(instance_creation.labels_of([tag]).items()) if tag else (),
            uses=used(firewall_group_id),
        )
        if main_ip or region:
            found = [
                instance
                for instance in await wire.every(request, rows, wanted)
                if (not main_ip or instance.public_ip == main_ip)
                and (not region or instance.spec.region == region)
            ]
            page, meta = wire.part_of(found, paging)
        else:
            page, meta = await wire.page_of(request, rows, paging, wanted)
        near = await around(request)
        out = [show(one, near) for one in page if not one.spec.plan.startswith(METAL)]
        return wire.answer(InstanceList(instances=out, meta=meta))

    @post("/", operation_id="create-instance", status_code=202, summary="Create Instance",
          responses=wire.ANY_ERROR | wire.shown(InstanceAnswer, "accepted", 202))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        require_no_metal(data.plan)
        use_case = await instance_creation.use_case_of(request, data)
        return await begun(request, use_case)

    @get("/{instance_id:str}", operation_id="get-instance", summary="Get Instance",
         responses=wire.ANY_ERROR | wire.shown(InstanceAnswer, "the instance"))  # fmt: skip
    async def read(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        near = await around(request, instance)
        return wire.answer(InstanceAnswer(instance=show_with_password(instance, near)))

    @patch("/{instance_id:str}", operation_id="update-instance", status_code=202,
           summary="Update Instance",
           responses=wire.ANY_ERROR | wire.shown(UpdateAnswer, "accepted", 202))  # fmt: skip
    async def update(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        if data.plan != instance.spec.plan:
            require_no_metal(data.plan)
        use_case, jobs = await instance_changes.use_case_of(request, instance, data)

        def answer(changed: Instance, near: Surroundings, kept: Kept) -> UpdateAnswer:
            return UpdateAnswer(instance=show(changed, near), job_ids=kept.job_ids)

        return await begun_with(request, use_case, answer, jobs)

    @delete("/{instance_id:str}", operation_id="delete-instance", status_code=204,
            summary="Delete Instance", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, instance_id: FromPath[str]) -> Response[None]:
        recoverable_s = services_of(request).recoverable_s
        use_case = instance_delete.delete(
            wire.native_id(ids.INSTANCE, instance_id), recoverable_s=recoverable_s
        )
        return await wire.gone(request, use_case)


def require_no_metal(plan: str | None) -> None:
    if plan and plan.startswith(METAL):
        raise Invalid("Invalid plan chosen. See /v2/plans", field="plan")


def used(firewall_group_id: str | None) -> str | None:
    if not firewall_group_id:
        return None
    return wire.native_id_in(ids.SECURITY_GROUP, firewall_group_id, "firewall_group_id")


async def instance_of(request: Call, instance_id: str) -> Instance:
    """What a path means. Raises NotFound, of a deleted one too."""
    reference = wire.native_id(ids.INSTANCE, instance_id)
    read = services_of(request).store.read()
    instance = await instances.get(read, caller_of(request), reference)
    if instance.state is InstanceState.DELETED:
        raise NotFound(f"instance {reference} is deleted")
    return instance


async def begun(request: Call, use_case: UseCase[Accepted[Instance]]) -> Response[bytes]:
    def answer(instance: Instance, near: Surroundings, _: Kept) -> InstanceAnswer:
        return InstanceAnswer(instance=show_with_password(instance, near))

    return await begun_with(request, use_case, answer)


class Kept(msgspec.Struct, kw_only=True):
    """What is kept of an answer for its Idempotency-Key: no password, no screen's address."""

    id: str
    job_ids: list[str]


async def begun_with(
    request: Call,
    use_case: UseCase[Accepted[Instance]],
    answer: Callable[[Instance, Surroundings, Kept], Any],
    jobs: Sequence[str] = (),
) -> Response[bytes]:
    """202 with the instance. The second answer to an Idempotency-Key is the instance as it is by
    then. `jobs` fill themselves while the use case is carried out."""
    made: list[Instance] = []

    def keep(accepted: Accepted[Instance]) -> Kept:
        made.append(accepted.thing)
        return Kept(id=accepted.thing.id, job_ids=list(jobs))

    response = await wire.mutate(request, use_case, keep, 202)
    kept = msgspec.json.decode(response.content, type=Kept)
    if not made:
        made.append(await services_of(request).store.read().instances.get(kept.id))
    near = await around(request, made[-1])
    response.content = wire.encode(answer(made[-1], near, kept))
    return response
