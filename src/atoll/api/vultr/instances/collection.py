"""`/v2/instances`: create, list, read, change, delete."""

from typing import Any

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from atoll.api import foreign
from atoll.api.http import Call
from atoll.api.serving import Asked
from atoll.api.vultr import wire
from atoll.api.vultr.instances import create, update
from atoll.api.vultr.instances.create import CreateBody
from atoll.api.vultr.instances.show import (
    InstanceOut,
    labels_of,
    load_related,
    show,
    show_with_password,
)
from atoll.api.vultr.instances.update import UpdateBody
from atoll.api.vultr.wire import Meta, Paging, catalogue_of, view_of
from atoll.domain import commands as c
from atoll.domain import ids
from atoll.domain.commands import Command, DeleteInstance
from atoll.domain.errors import Invalid, NotFound
from atoll.domain.instances import Instance, InstanceState
from atoll.service import instances
from atoll.service.nouns import INSTANCES
from atoll.service.outcomes import Outcome
from atoll.service.queries import Query, equal

CREATE = (
    c.CreateInstance, c.AttachVpc, c.AttachDefaultVpc, c.AttachVolume, c.AttachFloatingIp,
    c.SetBackups,
)  # fmt: skip
UPDATE = (
    c.UpdateInstance, c.ResizeInstance, c.ReinstallInstance, c.AttachVpc, c.AttachDefaultVpc,
    c.DetachVpc, c.SetBackups, c.DisableBackups,
)  # fmt: skip


class InstanceAnswer(msgspec.Struct, kw_only=True):
    instance: InstanceOut


class UpdateAnswer(msgspec.Struct, kw_only=True):
    """`job_ids` are the ids of changes that are still running."""

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
        holder_id = None
        if main_ip:
            holder_id = await instances.find_holder(view_of(request), main_ip) or ""
        wanted = Query(
            given_name=label or None,
            labels=tuple(labels_of([tag]).items()) if tag else (),
            equals=equal(bare_metal=False, region=region or None, id=holder_id),
            uses=used(firewall_group_id),
        )
        page, meta = await wire.page_of(request, INSTANCES, paging, wanted)
        related = await load_related(request, page)
        out = [show(one, related) for one in page]
        return wire.answer(InstanceList(instances=out, meta=meta))

    @post("/", operation_id="create-instance", commands=CREATE, status_code=202,
          summary="Create Instance",
          responses=wire.ANY_ERROR | wire.shown(InstanceAnswer, "accepted", 202))  # fmt: skip
    async def make(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        require_no_metal(request, data.plan)
        return await accepted(request, *await create.wishes_of(request, data))

    @get("/{instance_id:str}", operation_id="get-instance", summary="Get Instance",
         responses=wire.ANY_ERROR | wire.shown(InstanceAnswer, "the instance"))  # fmt: skip
    async def read(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        related = await load_related(request, [instance])
        return wire.answer(InstanceAnswer(instance=show_with_password(instance, related)))

    @patch("/{instance_id:str}", operation_id="update-instance", commands=UPDATE, status_code=202,
           summary="Update Instance",
           responses=wire.ANY_ERROR | wire.shown(UpdateAnswer, "accepted", 202))  # fmt: skip
    async def change(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        if data.plan != instance.spec.plan:
            require_no_metal(request, data.plan)
        outcome = await wire.execute(request, *await update.wishes_of(request, instance, data))
        changed = instance_in(outcome, instance)
        related = await load_related(request, [changed])
        jobs = [wire.uuid_of(operation.id) for operation in outcome.operations]
        answer = UpdateAnswer(instance=show(changed, related), job_ids=jobs)
        return wire.respond(outcome, answer, 202)

    @delete("/{instance_id:str}", operation_id="delete-instance", commands=(DeleteInstance,),
            status_code=204, summary="Delete Instance", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, instance_id: FromPath[str]) -> Response[None]:
        reference = wire.native_id(ids.INSTANCE, instance_id)
        return await wire.no_content(request, DeleteInstance(instance=reference))


def require_no_metal(request: Call, plan: str | None) -> None:
    if plan and catalogue_of(request).is_metal(plan):
        raise Invalid("Invalid plan chosen. See /v2/plans", field="plan")


def used(firewall_group_id: str | None) -> str | None:
    if not firewall_group_id:
        return None
    return wire.native_id_in(ids.SECURITY_GROUP, firewall_group_id, "firewall_group_id")


async def instance_of(request: Call, instance_id: str) -> Instance:
    """Find the instance of a path. Raises NotFound, also for a deleted one."""
    instance = await foreign.get(request, INSTANCES, ids.INSTANCE, instance_id)
    if instance.state is InstanceState.DELETED:
        raise NotFound(f"instance {instance.id} is deleted")
    return instance


def instance_in(outcome: Outcome[Any], before: Instance) -> Instance:
    """Return the instance after all commands. Some return another resource, such as a timer."""
    return next((thing for thing in outcome.things if isinstance(thing, Instance)), before)


async def accepted(request: Call, *wishes: Command | Asked) -> Response[bytes]:
    """Answer 202 with the instance."""
    outcome = await wire.execute(request, *wishes)
    related = await load_related(request, [outcome.thing])
    answer = InstanceAnswer(instance=show_with_password(outcome.thing, related))
    return wire.respond(outcome, answer, 202)
