"""`/compute/v1/security-groups`. Groups have no region; the requested one is kept and shown."""

from collections.abc import Callable
from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta as Bounds

from atoll.api import foreign
from atoll.api.genesis import offers, wire
from atoll.api.genesis.catalogue import Catalogue
from atoll.api.genesis.volumes import require_description
from atoll.api.genesis.wire import Page, Paging, Wire, catalogue_of
from atoll.api.http import Call
from atoll.domain import ids
from atoll.domain.commands import (
    CreateSecurityGroup,
    DeleteSecurityGroup,
    UpdateSecurityGroup,
)
from atoll.domain.errors import Invalid
from atoll.domain.security_groups import BUILT_IN, Direction, Protocol, Rule, SecurityGroup
from atoll.service.nouns import SECURITY_GROUPS

# Fields of this dialect alone, kept in a group's annotations.
REGION = "genesis.region"


class RuleBody(Wire, kw_only=True):
    """The ports are null for a protocol without ports, and for all ports."""

    protocol: Protocol
    direction: Direction
    port_range_min: int | None = None
    port_range_max: int | None = None


Rules = Annotated[list[RuleBody], Bounds(max_length=1000)]


class CreateBody(Wire, kw_only=True):
    name: str
    rules: Rules
    region: str | None = None
    description: str | None = None


class UpdateBody(Wire, kw_only=True):
    name: str | None = None
    description: str | None = None
    rules: Rules | None = None


class RuleOut(msgspec.Struct, kw_only=True):
    protocol: str
    direction: str
    port_range_min: int | None
    port_range_max: int | None


class SecurityGroupOut(msgspec.Struct, kw_only=True):
    """`is_internal` is true for the built-in groups."""

    id: str
    name: str
    description: str
    is_internal: bool
    region: str
    status: str
    rules: list[RuleOut]
    created_at: str
    updated_at: str


class SecurityGroupAnswer(msgspec.Struct, kw_only=True):
    security_group: SecurityGroupOut


class SecurityGroupList(Page, kw_only=True):
    security_groups: list[SecurityGroupOut]


def parse_create(body: CreateBody, region: str) -> CreateSecurityGroup:
    require_not_built_in(body.name)
    require_description(body.description)
    return CreateSecurityGroup(
        name=body.name, description=body.description or "", annotations={REGION: region},
        rules=parse_rules(body.rules),
    )  # fmt: skip


def require_not_built_in(name: str | None) -> None:
    if name in BUILT_IN:
        raise Invalid(
            f"name: {name} is the name of a built-in group: choose another name", field="name"
        )


def parse_rules(given: list[RuleBody]) -> tuple[Rule, ...]:
    """Return the rules, without limits of addresses. Raises Invalid."""
    for place, rule in enumerate(given):
        if rule.port_range_min is None and rule.port_range_max is not None:
            field = f"rules.{place}.port_range_max"
            raise Invalid(f"{field} requires port_range_min as well", field=field)
    return tuple(
        Rule(
            direction=rule.direction, protocol=rule.protocol, port=rule.port_range_min,
            port_max=rule.port_range_max,
        )
        for rule in given
    )  # fmt: skip


def show(group: SecurityGroup, names: Catalogue) -> SecurityGroupOut:
    updated_at_ms = group.updated_at_ms or group.created_at_ms
    return SecurityGroupOut(
        id=wire.uuid_of(group.id), name=group.name, description=group.description,
        is_internal=group.name in BUILT_IN,
        region=group.annotations.get(REGION, names.default_region), status="created",
        rules=[show_rule(rule) for rule in group.rules],
        created_at=wire.time_of(group.created_at_ms), updated_at=wire.time_of(updated_at_ms),
    )  # fmt: skip


def show_rule(rule: Rule) -> RuleOut:
    """Show a rule with its ports as they were given."""
    return RuleOut(
        protocol=rule.protocol, direction=rule.direction, port_range_min=rule.port,
        port_range_max=rule.port_max,
    )  # fmt: skip


class SecurityGroups(Controller):
    path = "/security-groups"
    tags = ("security-groups",)

    @get("/", operation_id="listSecurityGroups", summary="List security groups",
         responses=wire.ANY_ERROR | wire.shown(SecurityGroupList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        names = catalogue_of(request)
        page, about = await wire.page_of(request, SECURITY_GROUPS, paging)
        out = [show(group, names) for group in page]
        return wire.answer(SecurityGroupList(security_groups=out, **about))

    @post("/", operation_id="createSecurityGroup", commands=(CreateSecurityGroup,), status_code=201,
          summary="Create a security group",
          responses=wire.ANY_ERROR | wire.shown(SecurityGroupAnswer, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        command = parse_create(data, await offers.ensure_region(request, data.region))
        return await wire.mutate(request, answer_of(catalogue_of(request)), command, 201)

    @get("/{security_group_id:str}", operation_id="getSecurityGroup",
         summary="Get a security group",
         responses=wire.ANY_ERROR | wire.shown(SecurityGroupAnswer, "the group"))  # fmt: skip
    async def read(self, request: Call, security_group_id: FromPath[str]) -> Response[bytes]:
        group = await foreign.get(request, SECURITY_GROUPS, ids.SECURITY_GROUP, security_group_id)
        return wire.answer(SecurityGroupAnswer(security_group=show(group, catalogue_of(request))))

    @patch("/{security_group_id:str}", operation_id="updateSecurityGroup",
           commands=(UpdateSecurityGroup,), summary="Update a security group",
           responses=wire.ANY_ERROR | wire.shown(SecurityGroupAnswer, "as it now is"))  # fmt: skip
    async def update(
        self, request: Call, security_group_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        require_description(data.description)
        command = UpdateSecurityGroup(
            security_group=reference_of(security_group_id), name=data.name,
            description=data.description,
            rules=None if data.rules is None else parse_rules(data.rules),
        )  # fmt: skip
        return await wire.mutate(request, answer_of(catalogue_of(request)), command)

    @delete("/{security_group_id:str}", operation_id="deleteSecurityGroup",
            commands=(DeleteSecurityGroup,), status_code=204, summary="Delete a security group",
            responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, security_group_id: FromPath[str]) -> Response[None]:
        command = DeleteSecurityGroup(security_group=reference_of(security_group_id))
        return await wire.no_content(request, command)


def reference_of(security_group_id: str) -> str:
    return wire.native_id(ids.SECURITY_GROUP, security_group_id)


def answer_of(names: Catalogue) -> Callable[[SecurityGroup], SecurityGroupAnswer]:
    return lambda group: SecurityGroupAnswer(security_group=show(group, names))
