"""`/v1/security-groups`."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, UnsetType

from atoll.api.http import Call, version_of
from atoll.api.native import named, wire
from atoll.api.native.paging import LABELLED, Paging
from atoll.api.native.wire import ChangedMetadata, Metadata, Name, NewMetadata, Wire
from atoll.domain.commands import CreateSecurityGroup, DeleteSecurityGroup, UpdateSecurityGroup
from atoll.domain.security_groups import Direction, Protocol, Rule, SecurityGroup
from atoll.service.nouns import SECURITY_GROUPS

Range = Annotated[str, Meta(min_length=4, max_length=43, examples=["10.0.0.0/16"])]


class RuleBody(Wire, kw_only=True):
    """`port` to `port_max`, inclusive; neither means all ports of tcp or udp. `cidr` is IPv4 or
    IPv6. `group`, the id or name of a security group, allows its members instead of a range of
    addresses."""

    direction: Direction = Direction.INGRESS
    protocol: Protocol
    port: Annotated[int, Meta(ge=1, le=65_535)] | None = None
    port_max: Annotated[int, Meta(ge=1, le=65_535)] | None = None
    cidr: Range = "0.0.0.0/0"
    group: Name | None = None
    notes: Annotated[str, Meta(max_length=255)] = ""


class SecurityGroupSpec(Wire, kw_only=True):
    rules: Annotated[list[RuleBody], Meta(max_length=100)] = []


class CreateSecurityGroupBody(Wire, kw_only=True):
    metadata: NewMetadata
    spec: SecurityGroupSpec


class SecurityGroupSpecPatch(Wire, kw_only=True):
    """The new rules, which replace all existing ones."""

    rules: Annotated[list[RuleBody], Meta(max_length=100)] | None = None


class PatchSecurityGroupBody(Wire, kw_only=True):
    metadata: ChangedMetadata | UnsetType = UNSET
    spec: SecurityGroupSpecPatch | UnsetType = UNSET


class SecurityGroupOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: Metadata
    spec: SecurityGroupSpec


class SecurityGroupList(msgspec.Struct, kw_only=True):
    items: list[SecurityGroupOut]
    next: str | None


def parse_rule(body: RuleBody) -> Rule:
    return Rule(
        direction=body.direction, protocol=body.protocol, port=body.port,
        port_max=body.port_max or body.port, cidr=body.cidr, group=body.group, notes=body.notes,
    )  # fmt: skip


def parse_rules(bodies: list[RuleBody] | None) -> tuple[Rule, ...] | None:
    return None if bodies is None else tuple(parse_rule(body) for body in bodies)


def show_rule(rule: Rule) -> RuleBody:
    return RuleBody(
        direction=rule.direction, protocol=rule.protocol, port=rule.port,
        port_max=rule.port_max, cidr=rule.cidr, group=rule.group, notes=rule.notes,
    )  # fmt: skip


def parse_create(body: CreateSecurityGroupBody) -> CreateSecurityGroup:
    given = body.metadata
    rules = parse_rules(body.spec.rules) or ()
    return CreateSecurityGroup(name=given.name, labels=given.labels, rules=rules)


def show(group: SecurityGroup) -> SecurityGroupOut:
    return SecurityGroupOut(
        id=group.id,
        metadata=named.metadata(group),
        spec=SecurityGroupSpec(rules=[show_rule(rule) for rule in group.rules]),
    )


class SecurityGroups(Controller):
    path = "/security-groups"
    tags = ("Security groups",)

    @post("/", operation_id="createSecurityGroup", commands=(CreateSecurityGroup,), status_code=201,
          summary="Create a security group",
          responses=wire.WRITES | wire.shown(SecurityGroupOut, "created", 201))  # fmt: skip
    async def create(
        self, request: Call, data: JSONBody[CreateSecurityGroupBody]
    ) -> Response[bytes]:
        return await wire.mutate(request, show, parse_create(data), 201)

    @get("/", operation_id="listSecurityGroups", dependencies=LABELLED,
         summary="List security groups",
         responses=wire.LISTS | wire.shown(SecurityGroupList, "one page of the list"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
    ) -> Response[bytes]:
        return await named.page(request, SECURITY_GROUPS, paging, show)

    @get("/{group_id:str}", operation_id="getSecurityGroup", summary="Get a security group",
         responses=wire.READS | wire.shown(SecurityGroupOut, "the security group"))  # fmt: skip
    async def read(self, request: Call, group_id: FromPath[str]) -> Response[bytes]:
        return await named.read(request, SECURITY_GROUPS, group_id, show)

    @patch("/{group_id:str}", operation_id="updateSecurityGroup", commands=(UpdateSecurityGroup,),
           summary="Update a security group",
           responses=wire.WRITES | wire.shown(SecurityGroupOut, "updated"))  # fmt: skip
    async def update(
        self, request: Call, group_id: FromPath[str], data: JSONBody[PatchSecurityGroupBody]
    ) -> Response[bytes]:
        changed = named.PatchBody(metadata=data.metadata or ChangedMetadata())
        command = named.parse_update(
            request, changed, UpdateSecurityGroup, security_group=group_id,
            rules=parse_rules(data.spec.rules) if data.spec else None,
        )  # fmt: skip
        return await wire.mutate(request, show, command)

    @delete("/{group_id:str}", operation_id="deleteSecurityGroup", commands=(DeleteSecurityGroup,),
            status_code=204, summary="Delete a security group", responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, group_id: FromPath[str]) -> Response[None]:
        command = DeleteSecurityGroup(security_group=group_id, version=version_of(request))
        return await wire.no_content(request, command)
