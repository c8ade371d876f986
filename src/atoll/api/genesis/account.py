"""Quotas of an account. Lists of reservations and of the catalogue are empty."""

from typing import Any

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency

from atoll.api.genesis import wire
from atoll.api.genesis.wire import Page, Paging, view_of
from atoll.api.http import Call
from atoll.domain.quotas import RESOURCES, Quota
from atoll.service import quotas

# Shown for no limit: the largest number that clients store in 32 bits.
UNLIMITED = 2**31 - 1


class QuotaOut(msgspec.Struct, kw_only=True):
    """`flavors` is empty, because Atoll's quotas are not by instance type."""

    key: str
    capacity: int
    used: int
    flavors: list[dict[str, Any]]


class QuotaList(msgspec.Struct, kw_only=True):
    quotas: list[QuotaOut]


class ReservationList(msgspec.Struct, kw_only=True):
    """Always empty."""

    reservations: list[dict[str, Any]]


class CatalogPage(Page, kw_only=True):
    """Always empty."""

    catalog: list[dict[str, Any]]


def show(quota: Quota) -> list[QuotaOut]:
    return [
        QuotaOut(
            key=name, capacity=quota.limits.get(name, UNLIMITED), used=getattr(quota.used, name),
            flavors=[],
        )
        for name in RESOURCES
    ]  # fmt: skip


class Account(Controller):
    path = "/"
    tags = ("account",)

    @get("/quotas", operation_id="listQuotas", summary="List quotas",
         responses=wire.ANY_ERROR | wire.shown(QuotaList, "one for each resource"))  # fmt: skip
    async def quotas(self, request: Call) -> Response[bytes]:
        found = await quotas.get(view_of(request))
        return wire.answer(QuotaList(quotas=show(found)))

    @get("/reservations", operation_id="listReservations", summary="List reservations (none)",
         responses=wire.ANY_ERROR | wire.shown(ReservationList, "nothing"))  # fmt: skip
    async def reservations(self, request: Call) -> Response[bytes]:
        view_of(request).require("read")
        return wire.answer(ReservationList(reservations=[]))

    @get("/catalog", operation_id="listCatalog", summary="List the catalogue (empty)",
         responses=wire.ANY_ERROR | wire.shown(CatalogPage, "nothing"))  # fmt: skip
    async def catalog(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        view_of(request).require("read")
        return wire.answer(CatalogPage(catalog=[], **wire.about_page(paging, 0)))
