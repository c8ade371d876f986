"""`/v2/firewalls/…/rules`."""

import ipaddress
from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta as Bounds

from atoll.api.http import Call
from atoll.api.vultr import wire
from atoll.api.vultr.firewalls import group_of, rules_shown
from atoll.api.vultr.wire import Meta, Paging, Wire
from atoll.domain.commands import AddRule, RemoveRule
from atoll.domain.errors import Invalid, NotFound
from atoll.domain.security_groups import Protocol, Rule, SecurityGroup, number_rules

PATH = "/{firewall_group_id:str}/rules"
PROTOCOLS = (Protocol.ICMP, Protocol.TCP, Protocol.UDP)
NOT_SERVED = ("gre", "esp", "ah")
PORT_MAX = 65_535
ANYBODY = {"v4": "0.0.0.0", "v6": "::"}  # noqa: S104
BITS = {"v4": 32, "v6": 128}
NETWORKS = {"v4": ipaddress.IPv4Network, "v6": ipaddress.IPv6Network}


class CreateBody(Wire, kw_only=True):
    """No `subnet` means any source, because some clients omit zeros and empty strings. No `port`
    means all ports."""

    ip_type: str
    protocol: str
    subnet: str | None = None
    subnet_size: int | None = None
    port: str | int | None = None
    source: str | None = None
    notes: Annotated[str, Bounds(max_length=255)] | None = None


class RuleOut(msgspec.Struct, kw_only=True):
    id: int
    type: str
    ip_type: str
    action: str
    protocol: str
    port: str
    subnet: str
    subnet_size: int
    source: str
    notes: str


class RuleAnswer(msgspec.Struct, kw_only=True):
    firewall_rule: RuleOut


class RuleList(msgspec.Struct, kw_only=True):
    firewall_rules: list[RuleOut]
    meta: Meta


def show(rule: Rule) -> RuleOut:
    ip_type = "v6" if ":" in rule.cidr else "v4"
    subnet, _, size = rule.cidr.partition("/")
    return RuleOut(
        id=rule.number, type=ip_type, ip_type=ip_type, action="accept",
        protocol=rule.protocol.value, port=port_text(rule), subnet=subnet,
        subnet_size=int(size or BITS[ip_type]), source="", notes=rule.notes,
    )  # fmt: skip


def show_last(group: SecurityGroup) -> RuleAnswer:
    return RuleAnswer(firewall_rule=show(group.rules[-1]))


def port_text(rule: Rule) -> str:
    if rule.port is None:
        return ""
    last = rule.port_max or rule.port
    return str(rule.port) if last == rule.port else f"{rule.port}:{last}"


def parse(body: CreateBody) -> Rule:
    if body.source:
        raise Invalid(
            "source must be empty: give the range as subnet and subnet_size",
            field="source",
        )
    protocol = protocol_of(body.protocol)
    first, last = ports_of(body.port, protocol)
    return Rule(
        protocol=protocol, port=first, port_max=last, cidr=cidr_of(body), notes=body.notes or ""
    )


def protocol_of(text: str) -> Protocol:
    word = text.lower()
    if word in NOT_SERVED:
        raise Invalid(
            f"protocol: {word} is not supported, must be one of {', '.join(PROTOCOLS)}",
            field="protocol",
        )
    if word not in PROTOCOLS:
        raise Invalid(f"protocol must be one of {', '.join(PROTOCOLS)}", field="protocol")
    return Protocol(word)


def ports_of(given: str | int | None, protocol: Protocol) -> tuple[int | None, int | None]:
    text = "" if given is None else str(given).strip()
    if not text:
        return None, None
    if protocol is Protocol.ICMP:
        raise Invalid("port: icmp has no ports: omit it", field="port")
    first, joint, last = text.replace("-", ":").partition(":")
    numbers = [wire.number_in(one) or 0 for one in (first, last if joint else first)]
    if not 1 <= numbers[0] <= numbers[1] <= PORT_MAX:
        raise Invalid(
            f"port: {text!r} is not a port or range within 1 to {PORT_MAX}, such as 8000:8010",
            field="port",
        )
    return numbers[0], numbers[1]


def cidr_of(body: CreateBody) -> str:
    """Return the range as the client wrote it: Terraform replaces a rule whose spelling changes."""
    if body.ip_type not in NETWORKS:
        raise Invalid("ip_type must be v4 or v6", field="ip_type")
    subnet = body.subnet or ANYBODY[body.ip_type]
    cidr = f"{subnet}/{body.subnet_size or 0}"
    try:
        NETWORKS[body.ip_type](cidr)
    except ValueError as error:
        raise Invalid(
            f"subnet: {error}; with subnet_size it must be a range of IP{body.ip_type}",
            field="subnet",
        ) from error
    return cidr


def rule_of(group: SecurityGroup, rule_id: str) -> Rule:
    """Find the rule of a path. Raises NotFound."""
    for rule in shown_rules(group):
        if str(rule.number) == rule_id:
            return rule
    raise NotFound(f"firewall group {group.name} has no rule {rule_id}")


def shown_rules(group: SecurityGroup) -> list[Rule]:
    return rules_shown(msgspec.structs.replace(group, rules=number_rules(group.rules)))


class FirewallRules(Controller):
    path = "/firewalls"
    tags = ("firewall",)

    @get(PATH, operation_id="list-firewall-group-rules", summary="List Firewall Rules",
         responses=wire.ANY_ERROR | wire.shown(RuleList, "one page"))  # fmt: skip
    async def page(
        self, request: Call, firewall_group_id: FromPath[str], paging: NamedDependency[Paging]
    ) -> Response[bytes]:
        group = await group_of(request, firewall_group_id)
        page, meta = wire.part_of(shown_rules(group), paging)
        return wire.answer(RuleList(firewall_rules=[show(rule) for rule in page], meta=meta))

    @post(PATH, operation_id="post-firewalls-firewall-group-id-rules", commands=(AddRule,),
          status_code=201, summary="Create Firewall Rules",
          responses=wire.ANY_ERROR | wire.shown(RuleAnswer, "created", 201))  # fmt: skip
    async def create(
        self, request: Call, firewall_group_id: FromPath[str], data: JSONBody[CreateBody]
    ) -> Response[bytes]:
        group = await group_of(request, firewall_group_id)
        command = AddRule(security_group=group.id, rule=parse(data))
        return await wire.mutate(request, show_last, command, 201)

    @get(f"{PATH}/{{firewall_rule_id:str}}", operation_id="get-firewall-group-rule",
         summary="Get Firewall Rule",
         responses=wire.ANY_ERROR | wire.shown(RuleAnswer, "the rule"))  # fmt: skip
    async def read(
        self, request: Call, firewall_group_id: FromPath[str], firewall_rule_id: FromPath[str]
    ) -> Response[bytes]:
        group = await group_of(request, firewall_group_id)
        return wire.answer(RuleAnswer(firewall_rule=show(rule_of(group, firewall_rule_id))))

    @delete(f"{PATH}/{{firewall_rule_id:str}}", operation_id="delete-firewall-group-rule",
            commands=(RemoveRule,), status_code=204, summary="Delete Firewall Rule",
            responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(
        self, request: Call, firewall_group_id: FromPath[str], firewall_rule_id: FromPath[str]
    ) -> Response[None]:
        group = await group_of(request, firewall_group_id)
        number = rule_of(group, firewall_rule_id).number
        return await wire.no_content(request, RemoveRule(security_group=group.id, number=number))
