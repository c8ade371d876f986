"""`/v2/firewalls`: security groups, except the built-in ones."""

import msgspec
from litestar import Controller, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api import foreign
from atoll.api.http import Call
from atoll.api.vultr import descriptions, wire
from atoll.api.vultr.descriptions import Description
from atoll.api.vultr.wire import Meta, Paging, Wire, view_of
from atoll.domain import ids
from atoll.domain.commands import (
    CreateSecurityGroup,
    DeleteSecurityGroup,
    UpdateSecurityGroup,
)
from atoll.domain.errors import NotFound
from atoll.domain.instances import InstanceState
from atoll.domain.security_groups import BUILT_IN, RULES_MAX, Direction, Rule, SecurityGroup
from atoll.service import queries
from atoll.service.nouns import INSTANCES, SECURITY_GROUPS
from atoll.service.queries import Query

LIVE = tuple(state.value for state in InstanceState if state is not InstanceState.DELETED)


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
        id=wire.uuid_of(group.id), description=descriptions.description_of(group),
        date_created=wire.date_of(group.created_at_ms),
        date_modified=wire.date_of(group.updated_at_ms or group.created_at_ms),
        instance_count=instance_count, rule_count=len(rules_shown(group)),
        max_rule_count=RULES_MAX,
    )  # fmt: skip


def show_answer(group: SecurityGroup) -> FirewallGroupAnswer:
    return FirewallGroupAnswer(firewall_group=show(group, 0))


def rules_shown(group: SecurityGroup) -> list[Rule]:
    """Return the rules that Vultr can show: inbound ones, from ranges of addresses."""
    return [r for r in group.rules if r.direction is Direction.INGRESS and r.group is None]


async def instance_count(request: Call, group: SecurityGroup) -> int:
    wanted = Query(uses=group.id, any_of=((("state", LIVE),),))
    return await queries.count(view_of(request), INSTANCES, wanted)


async def group_of(request: Call, firewall_group_id: str) -> SecurityGroup:
    """Find the group of a path. Raises NotFound."""
    group = await foreign.get(request, SECURITY_GROUPS, ids.SECURITY_GROUP, firewall_group_id)
    if group.name in BUILT_IN:
        raise NotFound(f"security group {group.name} is not a firewall group")
    return group


class Firewalls(Controller):
    path = "/firewalls"
    tags = ("firewall",)

    @get("/", operation_id="list-firewall-groups", summary="List Firewall Groups",
         responses=wire.ANY_ERROR | wire.shown(FirewallGroupList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        every = await queries.find_every(view_of(request), SECURITY_GROUPS)
        page, meta = wire.part_of([g for g in every if g.name not in BUILT_IN], paging)
        out = [show(group, await instance_count(request, group)) for group in page]
        return wire.answer(FirewallGroupList(firewall_groups=out, meta=meta))

    @post("/", operation_id="create-firewall-group", commands=(CreateSecurityGroup,),
          status_code=201, summary="Create Firewall Group",
          responses=wire.ANY_ERROR | wire.shown(FirewallGroupAnswer, "created", 201))  # fmt: skip
    async def create(
        self, request: Call, data: JSONBody[CreateBody | None] = None
    ) -> Response[bytes]:
        description = (data.description if data else None) or ""
        command = CreateSecurityGroup(name=description, description=description, free_name=True)
        return await wire.mutate(request, show_answer, command, 201)

    @get("/{firewall_group_id:str}", operation_id="get-firewall-group",
         summary="Get Firewall Group",
         responses=wire.ANY_ERROR | wire.shown(FirewallGroupAnswer, "the group"))  # fmt: skip
    async def read(self, request: Call, firewall_group_id: FromPath[str]) -> Response[bytes]:
        group = await group_of(request, firewall_group_id)
        count = await instance_count(request, group)
        return wire.answer(FirewallGroupAnswer(firewall_group=show(group, count)))

    @put("/{firewall_group_id:str}", operation_id="update-firewall-group",
         commands=(UpdateSecurityGroup,), status_code=204, summary="Update Firewall Group",
         responses=wire.ANY_ERROR)  # fmt: skip
    async def update(
        self, request: Call, firewall_group_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[None]:
        group = await group_of(request, firewall_group_id)
        command = UpdateSecurityGroup(
            security_group=group.id, name=descriptions.new_name(group, data.description),
            description=data.description, free_name=True,
        )  # fmt: skip
        return await wire.no_content(request, command)

    @delete("/{firewall_group_id:str}", operation_id="delete-firewall-group",
            commands=(DeleteSecurityGroup,), status_code=204, summary="Delete Firewall Group",
            responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, firewall_group_id: FromPath[str]) -> Response[None]:
        group = await group_of(request, firewall_group_id)
        return await wire.no_content(request, DeleteSecurityGroup(security_group=group.id))
