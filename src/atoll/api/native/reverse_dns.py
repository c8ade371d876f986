"""`/v1/reverse-dns`."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from atoll.api.http import Call, json_response
from atoll.api.native import named, wire
from atoll.api.native.paging import PLAIN, Paging
from atoll.api.native.wire import Wire, view_of
from atoll.domain.commands import DeleteReverseDns, SetReverseDns
from atoll.domain.reverse_dns import ReverseRecord
from atoll.service import reverse_dns
from atoll.service.nouns import REVERSE_RECORDS

# Documented here; rejected below with a better sentence.
NAME_SCHEMA = {"pattern": "^([a-z0-9]{1,63}\\.)+[a-z0-9]{1,63}$"}


class ReverseBody(Wire, kw_only=True):
    """A fully qualified host name: `web.example.com`."""

    name: Annotated[str, Meta(min_length=3, max_length=253, extra_json_schema=NAME_SCHEMA)]


class ReverseOut(msgspec.Struct, kw_only=True):
    """`holder_id` is the instance or the floating IP with this address."""

    address: str
    name: str
    holder_id: str


class ReverseList(msgspec.Struct, kw_only=True):
    items: list[ReverseOut]
    next: str | None


def show(record: ReverseRecord) -> ReverseOut:
    return ReverseOut(address=record.id, name=record.name, holder_id=record.holder_id)


class ReverseDns(Controller):
    path = "/reverse-dns"
    tags = ("Reverse DNS",)

    @get("/", operation_id="listReverseRecords", dependencies=PLAIN,
         summary="List reverse DNS records",
         responses=wire.LISTS | wire.shown(ReverseList, "one page of the list"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        return await named.page(request, REVERSE_RECORDS, paging, show)

    @get("/{address:str}", operation_id="getReverseRecord",
         summary="Get the reverse DNS record of an address",
         responses=wire.READS | wire.shown(ReverseOut, "the name"))  # fmt: skip
    async def read(self, request: Call, address: FromPath[str]) -> Response[bytes]:
        record = await reverse_dns.get(view_of(request), address)
        return json_response(wire.encode(show(record)))

    @put("/{address:str}", operation_id="setReverseRecord", commands=(SetReverseDns,),
         summary="Set the reverse DNS record of an address",
         responses=wire.WRITES | wire.shown(ReverseOut, "the name"))  # fmt: skip
    async def set_name(
        self, request: Call, address: FromPath[str], data: JSONBody[ReverseBody]
    ) -> Response[bytes]:
        return await wire.mutate(request, show, SetReverseDns(address=address, name=data.name))

    @delete("/{address:str}", operation_id="deleteReverseRecord", commands=(DeleteReverseDns,),
            status_code=204, summary="Delete the reverse DNS record of an address",
            responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, address: FromPath[str]) -> Response[None]:
        return await wire.no_content(request, DeleteReverseDns(address=address))
