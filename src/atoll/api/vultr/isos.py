"""`/v2/iso`: there are no ISO images here."""

from typing import Any

import msgspec
from litestar import Controller, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api.http import Call, caller_of
from atoll.api.vultr import wire
from atoll.api.vultr.instance_facts import NO_ISO
from atoll.api.vultr.wire import Meta, Paging, Wire
from atoll.domain.errors import Invalid, NotFound
from atoll.service.desk import require


class CreateBody(Wire, kw_only=True):
    url: str | None = None


class IsoList(msgspec.Struct, kw_only=True):
    """There are none."""

    isos: list[dict[str, Any]]
    meta: Meta


class Isos(Controller):
    path = "/iso"
    tags = ("iso",)

    @get("/", operation_id="list-isos", summary="List ISOs",
         responses=wire.ANY_ERROR | wire.shown(IsoList, "none"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        require(caller_of(request), "read")
        return wire.answer(IsoList(isos=[], meta=wire.part_of((), paging)[1]))

    @post("/", operation_id="create-iso", summary="Create ISO", responses=wire.ANY_ERROR)
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[None]:
        raise Invalid(f"url: {NO_ISO}", field="url")

    @get("/{iso_id:str}", operation_id="iso-get", summary="Get ISO", responses=wire.ANY_ERROR)
    async def read(self, request: Call, iso_id: FromPath[str]) -> Response[None]:
        raise NotFound(f"there is no ISO image {iso_id}")

    @delete("/{iso_id:str}", operation_id="delete-iso", status_code=204, summary="Delete ISO",
            responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, iso_id: FromPath[str]) -> Response[None]:
        raise NotFound(f"there is no ISO image {iso_id}")
