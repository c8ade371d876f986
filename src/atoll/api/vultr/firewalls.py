"""`/v2/firewalls`: security groups, but for those that every project has."""

from collections.abc import Awaitable, Callable

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api import foreign
from atoll.api.http import Call
from atoll.api.vultr import described, wire
from atoll.api.vultr.described import Description
from atoll.api.vultr.wire import Meta, Paging, Wire, services_of
from atoll.domain import ids
from atoll.domain.commands import CreateSecurityGroup, Update
from atoll.domain.errors import NotFound
from atoll.domain.instances import InstanceState
from atoll.domain.security_groups import BUILT_IN, RULES_MAX, Direction, Rule, SecurityGroup
from atoll.ports import Filter
from atoll.service import security_groups
from atoll.service.desk import Accepted, Case

LIVE = tuple(state.value for state in InstanceState if state is not InstanceState.DELETED)
UseCase = Callable[[Case], Awaitable[Accepted[SecurityGroup]]]


class CreateBody(Wire, kw_only=True):
    description: Description | None = None


class UpdateBody(Wire, kw_only=True):
    description: Description


class FirewallGroupOut(msgspec.Struct, kw_only=True):
    id: str
    description: str
    date_created: str
    date_modified: str
    instance_count: int
    rule_count: int
    max_rule_count: int


class FirewallGroupAnswer(msgspec.Struct, kw_only=True):
    firewall_group: FirewallGroupOut


class FirewallGroupList(msgspec.Struct, kw_only=True):
    firewall_groups: list[FirewallGroupOut]
    meta: Meta


def show(group: SecurityGroup, instance_count: int) -> FirewallGroupOut:
    return FirewallGroupOut(
        id=wire.uuid_of(group.id), description=described.description_of(group),
        date_created=wire.date_of(group.created_at_ms),
        date_modified=wire.date_of(group.updated_at_ms or group.created_at_ms),
        instance_count=instance_count, rule_count=len(rules_shown(group)),
        max_rule_count=RULES_MAX,
    )  # fmt: skip


def show_answer(accepted: Accepted[SecurityGroup]) -> FirewallGroupAnswer:
    return FirewallGroupAnswer(firewall_group=show(accepted.thing, 0))


def rules_shown(group: SecurityGroup) -> list[Rule]:
    """Vultr's groups say who may come in, and know ranges of addresses only."""
    return [r for r in group.rules if r.direction is Direction.INGRESS and r.group is None]


async def instance_count(request: Call, group: SecurityGroup) -> int:
    wanted = Filter(project_id=group.project_id, uses=group.id, any_of=((("state", LIVE),),))
    return await services_of(request).store.read().instances.count(wanted)


async def group_of(request: Call, firewall_group_id: str) -> SecurityGroup:
    """What a path means. Raises NotFound."""
    rows = services_of(request).store.read().security_groups
    group = await foreign.one(
        request, rows, ids.SECURITY_GROUP, firewall_group_id, security_groups.NOUN
    )
    if group.name in BUILT_IN:
        raise NotFound(f"{security_groups.NOUN} {group.name} is no firewall group")
    return group


def create(description: str) -> UseCase:
    async def use_case(case: Case) -> Accepted[SecurityGroup]:
        name = await described.name_for(case, description, case.tx.security_groups)
        command = CreateSecurityGroup(name=name, description=description)
        return await security_groups.create(command)(case)

    return use_case


def update(group_id: str, description: str) -> UseCase:
    async def use_case(case: Case) -> Accepted[SecurityGroup]:
        rows = case.tx.security_groups
        group = await security_groups.meant(case, group_id)
        name = await described.name_after(case, group, description, rows)
        change = security_groups.update(group.id, Update(name=name), description=description)
        return await change(case)

    return use_case


class Firewalls(Controller):
    path = "/firewalls"
    tags = ("firewall",)

    @get("/", operation_id="list-firewall-groups", summary="List Firewall Groups",
         responses=wire.ANY_ERROR | wire.shown(FirewallGroupList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        rows = services_of(request).store.read().security_groups
        every = await wire.every(request, rows, Filter())
        page, meta = wire.part_of([g for g in every if g.name not in BUILT_IN], paging)
        out = [show(group, await instance_count(request, group)) for group in page]
        return wire.answer(FirewallGroupList(firewall_groups=out, meta=meta))

    @post("/", operation_id="create-firewall-group", status_code=201,
          summary="Create Firewall Group",
          responses=wire.ANY_ERROR | wire.shown(FirewallGroupAnswer, "created", 201))  # fmt: skip
    async def create(
        self, request: Call, data: JSONBody[CreateBody | None] = None
    ) -> Response[bytes]:
        description = (data.description if data else None) or ""
        return await described.created(request, create(description), show_answer)

    @get("/{firewall_group_id:str}", operation_id="get-firewall-group",
         summary="Get Firewall Group",
         responses=wire.ANY_ERROR | wire.shown(FirewallGroupAnswer, "the group"))  # fmt: skip
    async def read(self, request: Call, firewall_group_id: FromPath[str]) -> Response[bytes]:
        group = await group_of(request, firewall_group_id)
        count = await instance_count(request, group)
        return wire.answer(FirewallGroupAnswer(firewall_group=show(group, count)))

    @put("/{firewall_group_id:str}", operation_id="update-firewall-group", status_code=204,
         summary="Update Firewall Group", responses=wire.ANY_ERROR)  # fmt: skip
    async def update(
        self, request: Call, firewall_group_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[None]:
        group = await group_of(request, firewall_group_id)
        return await wire.gone(request, update(group.id, data.description))

    @delete("/{firewall_group_id:str}", operation_id="delete-firewall-group", status_code=204,
            summary="Delete Firewall Group", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, firewall_group_id: FromPath[str]) -> Response[None]:
        group = await group_of(request, firewall_group_id)
        return await wire.gone(request, security_groups.delete(group.id))
