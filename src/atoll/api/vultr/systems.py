"""`/v2/os` and `/v2/applications`: images. Neither needs a key."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from atoll.api.http import Call
from atoll.api.vultr import offers, wire
from atoll.api.vultr.catalogue import System
from atoll.api.vultr.wire import Meta, Paging, catalogue_of, view_of


class SystemOut(msgspec.Struct, kw_only=True):
    id: int
    name: str
    arch: str
    family: str


class SystemList(msgspec.Struct, kw_only=True):
    os: list[SystemOut]
    meta: Meta


class ApplicationList(msgspec.Struct, kw_only=True):
    """Always empty."""

    applications: list[dict[str, Any]]
    meta: Meta


def show_system(system: System) -> SystemOut:
    return SystemOut(id=system.id, name=system.name, arch=system.arch, family=system.family)


class Systems(Controller):
    path = "/"
    tags = ("operating-systems",)

    @get("/os", operation_id="list-os", summary="List OS",
         responses=wire.ANY_ERROR | wire.shown(SystemList, "one page"))  # fmt: skip
    async def systems(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        view, names = view_of(request), catalogue_of(request)
        page, meta = wire.part_of(await offers.systems(view, names), paging)
        return wire.answer(SystemList(os=[show_system(system) for system in page], meta=meta))

    @get("/applications", operation_id="list-applications", summary="List Applications",
         responses=wire.ANY_ERROR | wire.shown(ApplicationList, "none"))  # fmt: skip
    async def applications(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        type: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        page: Sequence[dict[str, Any]]
        page, meta = wire.part_of((), paging)
        return wire.answer(ApplicationList(applications=list(page), meta=meta))
