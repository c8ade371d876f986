"""`/v1/reverse-dns`."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from atoll.api.http import Call, caller_of, json_response
from atoll.api.native import named, wire
from atoll.api.native.paging import PLAIN, Paging
from atoll.api.native.wire import Wire, services_of
from atoll.domain.reverse_dns import ReverseRecord
from atoll.ports import Rows, Transaction
from atoll.service import reverse_dns

# Documented here, refused below in words.
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


def rows(tx: Transaction) -> Rows[ReverseRecord]:
    return tx.reverse_records


def show(record: ReverseRecord) -> ReverseOut:
    return ReverseOut(address=record.id, name=record.name, holder_id=record.holder_id)


class ReverseDns(Controller):
    path = "/reverse-dns"
    tags = ("Reverse DNS",)

    @get("/", operation_id="listReverseRecords", dependencies=PLAIN,
         summary="List reverse DNS names",
         responses=wire.LISTS | wire.shown(ReverseList, "one page of the list"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        return await named.page(request, rows, paging, show)

    @get("/{address:str}", operation_id="getReverseRecord", summary="Get a reverse DNS name",
         responses=wire.READS | wire.shown(ReverseOut, "the name"))  # fmt: skip
    async def read(self, request: Call, address: FromPath[str]) -> Response[bytes]:
        services = services_of(request)
        record = await reverse_dns.get(
            services.store.read(), caller_of(request), address, services.ranges
        )
        return json_response(wire.encode(show(record)))

    @put("/{address:str}", operation_id="setReverseRecord",
         summary="Set a reverse DNS name",
         responses=wire.WRITES | wire.shown(ReverseOut, "the name"))  # fmt: skip
    async def set_name(
        self, request: Call, address: FromPath[str], data: JSONBody[ReverseBody]
    ) -> Response[bytes]:
        use_case = reverse_dns.put(address, data.name, services_of(request).ranges)
        return await wire.mutate(request, use_case, lambda a: show(a.thing))

    @delete("/{address:str}", operation_id="deleteReverseRecord", status_code=204,
            summary="Delete a reverse DNS name", responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, address: FromPath[str]) -> Response[None]:
        use_case = reverse_dns.delete(address, services_of(request).ranges)
        return await named.gone(request, use_case)
