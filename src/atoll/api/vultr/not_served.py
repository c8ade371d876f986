"""Operations that are newer than Vultr's document of 2023 and that Atoll does not have.

Each answers with a sentence that says which one to use instead. Without them, some requests would
be answered as if a resource did not exist.
"""

from litestar import Response, route
from litestar.handlers import HTTPRouteHandler
from litestar.types import Method

from atoll.api.http import Call
from atoll.api.serving import view_of
from atoll.domain.errors import Invalid

METHODS: tuple[Method, ...] = ("GET", "POST", "PUT", "PATCH", "DELETE")
NO_GATEWAYS = "There are no NAT gateways here: every instance has a public IPv4 address"
NO_BLOCK_SNAPSHOTS = "There are no snapshots of block storage here: /v2/snapshots are of instances"
WHY = {
    "/account/bandwidth": "Bandwidth is not counted by the month here: see "
    "/v2/instances/{instance-id}/bandwidth",
    "/blocks/snapshots": NO_BLOCK_SNAPSHOTS,
    "/blocks/snapshots/{rest:path}": NO_BLOCK_SNAPSHOTS,
    "/vpcs/{vpc_id:str}/attachments": "See /v2/vpc2/{vpc-id}/nodes for what is in a VPC",
    "/vpcs/{vpc_id:str}/nat-gateway": NO_GATEWAYS,
    "/vpcs/{vpc_id:str}/nat-gateway/{rest:path}": NO_GATEWAYS,
}


def refusing(path: str, why: str) -> HTTPRouteHandler:
    async def refuse(request: Call) -> Response[None]:
        view_of(request).require("read")
        raise Invalid(why)

    return route(path, http_method=METHODS, include_in_schema=False)(refuse)


HANDLERS = tuple(refusing(path, why) for path, why in WHY.items())
