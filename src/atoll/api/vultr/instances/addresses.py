"""`/v2/instances/…/ipv4` and `/ipv6`: addresses and their names.

A second IPv4 address is a floating IP that was created for the instance.
"""

import ipaddress

import msgspec
from litestar import Controller, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from atoll.api.foreign import show_id
from atoll.api.http import Call
from atoll.api.vultr import wire
from atoll.api.vultr.instances.collection import instance_of
from atoll.api.vultr.instances.show import V6_BITS, ipv6_shown, network_of
from atoll.api.vultr.wire import Meta, Paging, Wire, view_of
from atoll.domain.commands import (
    CreateFloatingIp,
    DeleteFloatingIp,
    DeleteReverseDns,
    SetReverseDns,
)
from atoll.domain.errors import Conflict, Invalid, NotFound
from atoll.domain.floating_ips import FloatingIp
from atoll.domain.instances import Instance
from atoll.service import queries, reverse_dns
from atoll.service.desk import View
from atoll.service.nouns import FLOATING_IPS, SUBNETS
from atoll.service.queries import Query, equal

PATH = "/{instance_id:str}"
ALONE = "255.255.255.255"


class AddressBody(Wire, kw_only=True):
    """`reboot` is ignored: a new address works at once."""

    reboot: bool | None = None


class ReverseBody(Wire, kw_only=True):
    ip: str
    reverse: str


class DefaultReverseBody(Wire, kw_only=True):
    ip: str


class Ipv4Out(msgspec.Struct, kw_only=True):
    ip: str
    netmask: str
    gateway: str
    type: str
    reverse: str


class Ipv4List(msgspec.Struct, kw_only=True):
    ipv4s: list[Ipv4Out]
    meta: Meta


class Ipv4Answer(msgspec.Struct, kw_only=True):
    ipv4: Ipv4Out


class Ipv6Out(msgspec.Struct, kw_only=True):
    ip: str
    network: str
    network_size: int
    type: str


class Ipv6List(msgspec.Struct, kw_only=True):
    ipv6s: list[Ipv6Out]
    meta: Meta


class Ipv6Reverse(msgspec.Struct, kw_only=True):
    ip: str
    reverse: str


class Ipv6ReverseList(msgspec.Struct, kw_only=True):
    reverse_ipv6s: list[Ipv6Reverse]


async def ipv4s_of(view: View, instance: Instance, public_only: bool) -> list[Ipv4Out]:
    network = ipaddress.IPv4Network(view.deployment.ranges.public_cidr)
    found = []
    if instance.public_ip:
        reverse = await name_of(view, instance.public_ip)
        found.append(
            Ipv4Out(ip=instance.public_ip, netmask=str(network.netmask), gateway=str(network[1]),
                    type="main_ip", reverse=reverse)
        )  # fmt: skip
    found += [await second(view, address) for address in instance.floating_ips]
    if not public_only:
        wanted = [place.subnet_id for place in instance.attachments]
        subnets = await queries.find_by_ids(view, SUBNETS, wanted)
        for place in instance.attachments:
            subnet = subnets.get(place.subnet_id)
            netmask = str(ipaddress.IPv4Network(subnet.cidr).netmask) if subnet else ALONE
            found.append(
                Ipv4Out(ip=place.private_ip, netmask=netmask, gateway="", type="private",
                        reverse="")
            )  # fmt: skip
    return found


async def ipv4_list(
    request: Call, instance: Instance, paging: Paging, *, public_only: bool = False
) -> Response[bytes]:
    found = await ipv4s_of(view_of(request), instance, public_only)
    page, meta = wire.part_of(found, paging)
    return wire.answer(Ipv4List(ipv4s=list(page), meta=meta))


def ipv6_list(instance: Instance, paging: Paging) -> Response[bytes]:
    address = ipv6_shown(instance)
    found = []
    if address:
        found.append(
            Ipv6Out(ip=address, network=network_of(address), network_size=V6_BITS, type="main_ip")
        )
    page, meta = wire.part_of(found, paging)
    return wire.answer(Ipv6List(ipv6s=list(page), meta=meta))


async def second(view: View, address: str) -> Ipv4Out:
    return Ipv4Out(
        ip=address, netmask=ALONE, gateway="", type="secondary_ip",
        reverse=await name_of(view, address),
    )  # fmt: skip


async def name_of(view: View, address: str) -> str:
    record = await reverse_dns.find(view.tx, address, view.deployment.ranges)
    return (record.given or record.name) if record else ""


def require_own(instance: Instance, address: str) -> str:
    """Raises Invalid unless it is a public address of the instance."""
    if address not in {instance.public_ip, *instance.floating_ips}:
        raise Invalid(f"ip: {address} is not a public address of this instance", field="ip")
    return address


async def floating_of(view: View, instance: Instance, address: str) -> FloatingIp:
    wanted = Query(equals=equal(address=address, instance_id=instance.id))
    found = await queries.find_page(view, FLOATING_IPS, wanted)
    if not found:
        raise NotFound(
            f"ipv4: {address} is not an additional address of instance {show_id(instance.id)}",
            field="ipv4",
        )
    return found[0]


def show_new(floating_ip: FloatingIp) -> Ipv4Answer:
    return Ipv4Answer(
        ipv4=Ipv4Out(ip=floating_ip.address, netmask=ALONE, gateway="", type="secondary_ip",
                     reverse="")
    )  # fmt: skip


class InstanceAddresses(Controller):
    path = "/instances"
    tags = ("instances",)

    @get(f"{PATH}/ipv4", operation_id="get-instance-ipv4", summary="List Instance IPv4 Information",
         responses=wire.ANY_ERROR | wire.shown(Ipv4List, "one page"))  # fmt: skip
    async def ipv4(
        self,
        request: Call,
        instance_id: FromPath[str],
        paging: NamedDependency[Paging],
        public_network: FromQuery[bool] = False,
    ) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        return await ipv4_list(request, instance, paging, public_only=public_network)

    @post(f"{PATH}/ipv4", operation_id="create-instance-ipv4", commands=(CreateFloatingIp,),
          status_code=202, summary="Create IPv4",
          responses=wire.ANY_ERROR | wire.shown(Ipv4Answer, "accepted", 202))  # fmt: skip
    async def add(
        self,
        request: Call,
        instance_id: FromPath[str],
        data: JSONBody[AddressBody | None] = None,
    ) -> Response[bytes]:
        instance = await instance_of(request, instance_id)
        command = CreateFloatingIp(
            name=instance.given_name, region=instance.spec.region, instance=instance.id,
            free_name=True,
        )  # fmt: skip
        return await wire.mutate(request, show_new, command, 202)

    @delete(f"{PATH}/ipv4/{{ipv4:str}}", operation_id="delete-instance-ipv4",
            commands=(DeleteFloatingIp,), status_code=204, summary="Delete IPv4 Address",
            responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(
        self, request: Call, instance_id: FromPath[str], ipv4: FromPath[str]
    ) -> Response[None]:
        instance = await instance_of(request, instance_id)
        if ipv4 == instance.public_ip:
            raise Conflict(f"{ipv4} is the main address: it cannot be removed")
        found = await floating_of(view_of(request), instance, ipv4)
        return await wire.no_content(request, DeleteFloatingIp(floating_ip=found.id, detach=True))

    @post(f"{PATH}/ipv4/reverse", operation_id="create-instance-reverse-ipv4",
          commands=(SetReverseDns,), status_code=204, summary="Create Instance Reverse IPv4",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def name(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[ReverseBody]
    ) -> Response[None]:
        address = require_own(await instance_of(request, instance_id), data.ip)
        return await wire.no_content(request, SetReverseDns(address=address, name=data.reverse))

    @post(f"{PATH}/ipv4/reverse/default", status_code=204,
          operation_id="post-instances-instance-id-ipv4-reverse-default",
          commands=(DeleteReverseDns,), summary="Set Default Reverse DNS Entry",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def unname(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[DefaultReverseBody]
    ) -> Response[None]:
        """Remove the name. By default an address has none."""
        address = require_own(await instance_of(request, instance_id), data.ip)
        return await wire.no_content(request, DeleteReverseDns(address=address, missing_ok=True))

    @get(f"{PATH}/ipv6", operation_id="get-instance-ipv6", summary="Get Instance IPv6 Information",
         responses=wire.ANY_ERROR | wire.shown(Ipv6List, "the addresses"))  # fmt: skip
    async def ipv6(
        self, request: Call, instance_id: FromPath[str], paging: NamedDependency[Paging]
    ) -> Response[bytes]:
        return ipv6_list(await instance_of(request, instance_id), paging)

    @get(f"{PATH}/ipv6/reverse", operation_id="list-instance-ipv6-reverse",
         summary="List Instance IPv6 Reverse",
         responses=wire.ANY_ERROR | wire.shown(Ipv6ReverseList, "their names"))  # fmt: skip
    async def ipv6_names(self, request: Call, instance_id: FromPath[str]) -> Response[bytes]:
        await instance_of(request, instance_id)
        return wire.answer(Ipv6ReverseList(reverse_ipv6s=[]))

    @post(f"{PATH}/ipv6/reverse", operation_id="create-instance-reverse-ipv6", status_code=204,
          summary="Create Instance Reverse IPv6", responses=wire.ANY_ERROR)  # fmt: skip
    async def name_ipv6(
        self, request: Call, instance_id: FromPath[str], data: JSONBody[ReverseBody]
    ) -> Response[None]:
        await instance_of(request, instance_id)
        raise Invalid("ip: IPv6 addresses are private and cannot have names", field="ip")

    @delete(f"{PATH}/ipv6/reverse/{{ipv6:str}}", operation_id="delete-instance-reverse-ipv6",
            status_code=204, summary="Delete Instance Reverse IPv6",
            responses=wire.ANY_ERROR)  # fmt: skip
    async def unname_ipv6(
        self, request: Call, instance_id: FromPath[str], ipv6: FromPath[str]
    ) -> Response[None]:
        await instance_of(request, instance_id)
        raise Invalid(f"ipv6: {ipv6} has no name")
