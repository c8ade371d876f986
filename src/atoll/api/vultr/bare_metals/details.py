"""`/v2/bare-metals/…`: addresses, bandwidth, user data and upgrades, as for instances."""

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from atoll.api.http import Call
from atoll.api.vultr import wire
from atoll.api.vultr.bare_metals.collection import PATH, metal_instance
from atoll.api.vultr.instances import details
from atoll.api.vultr.instances.addresses import Ipv4List, Ipv6List, ipv4_list, ipv6_list
from atoll.api.vultr.instances.details import (
    BandwidthAnswer,
    UpgradesAnswer,
    UserData,
    UserDataAnswer,
)
from atoll.api.vultr.wire import Paging, catalogue_of


class BareMetalDetails(Controller):
    path = "/bare-metals"
    tags = ("baremetal",)

    @get(f"{PATH}/ipv4", operation_id="get-ipv4-baremetal", summary="Bare Metal IPv4 Addresses",
         responses=wire.ANY_ERROR | wire.shown(Ipv4List, "one page"))  # fmt: skip
    async def ipv4(
        self, request: Call, baremetal_id: FromPath[str], paging: NamedDependency[Paging]
    ) -> Response[bytes]:
        return await ipv4_list(request, await metal_instance(request, baremetal_id), paging)

    @get(f"{PATH}/ipv6", operation_id="get-ipv6-baremetal", summary="Bare Metal IPv6 Addresses",
         responses=wire.ANY_ERROR | wire.shown(Ipv6List, "one page"))  # fmt: skip
    async def ipv6(
        self, request: Call, baremetal_id: FromPath[str], paging: NamedDependency[Paging]
    ) -> Response[bytes]:
        return ipv6_list(await metal_instance(request, baremetal_id), paging)

    @get(f"{PATH}/bandwidth", operation_id="get-bandwidth-baremetal",
         summary="Bare Metal Bandwidth",
         responses=wire.ANY_ERROR | wire.shown(BandwidthAnswer, "by the day"))  # fmt: skip
    async def bandwidth(self, request: Call, baremetal_id: FromPath[str]) -> Response[bytes]:
        instance = await metal_instance(request, baremetal_id)
        days = await details.measured(request, instance)
        return wire.answer(BandwidthAnswer(bandwidth=days))

    @get(f"{PATH}/user-data", operation_id="get-bare-metal-userdata",
         summary="Get Bare Metal User Data",
         responses=wire.ANY_ERROR | wire.shown(UserDataAnswer, "base64"))  # fmt: skip
    async def user_data(self, request: Call, baremetal_id: FromPath[str]) -> Response[bytes]:
        instance = await metal_instance(request, baremetal_id)
        return wire.answer(UserDataAnswer(user_data=UserData(data=instance.spec.user_data)))

    @get(f"{PATH}/upgrades", operation_id="get-bare-metals-upgrades",
         summary="Get Available Bare Metal Upgrades",
         responses=wire.ANY_ERROR | wire.shown(UpgradesAnswer, "what it may become"))  # fmt: skip
    async def upgrades(
        self, request: Call, baremetal_id: FromPath[str], type: FromQuery[str | None] = None
    ) -> Response[bytes]:
        instance = await metal_instance(request, baremetal_id)
        found = details.upgrades_of(instance, catalogue_of(request), type or "all")
        return wire.answer(found)
