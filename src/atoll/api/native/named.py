"""What keys, networks, groups and images have in common in this dialect."""

from collections.abc import Callable
from typing import Any, TypeVar

from litestar import Response

from atoll.api import serving
from atoll.api.http import Call, caller_of, json_response, version_of
from atoll.api.native import wire
from atoll.api.native.paging import Paging
from atoll.api.native.wire import ChangedMetadata, Metadata, Wire, services_of
from atoll.domain.commands import Update
from atoll.ports import Rows, Transaction
from atoll.service import references
from atoll.service.desk import require

gone = serving.gone
T = TypeVar("T", bound=Any)
RowsOf = Callable[[Transaction], Rows[T]]


class PatchBody(Wire, kw_only=True):
    metadata: ChangedMetadata


def metadata(thing: Any, version: int | None = None) -> Metadata:
    """`version` where what users are told is not the row's own."""
    return Metadata(
        name=thing.name, labels=thing.labels, created_at=wire.time_text(thing.created_at_ms),
        version=version or thing.version,
    )  # fmt: skip


def parse_update(request: Call, body: PatchBody) -> Update:
    given = body.metadata
    return Update(name=given.name, labels=given.labels, version=version_of(request))


async def page(
    request: Call, rows_of: RowsOf[T], paging: Paging, show: Callable[[T], Any]
) -> Response[bytes]:
    require(caller_of(request), "read")
    found = await rows_of(services_of(request).store.read()).page(paging.wanted)
    return wire.page_response(found, paging.limit, show, lambda thing: str(thing.id))


async def read(
    request: Call, rows_of: RowsOf[T], reference: str, noun: str, show: Callable[[T], Any]
) -> Response[bytes]:
    caller = caller_of(request)
    require(caller, "read")
    rows = rows_of(services_of(request).store.read())
    thing = await references.get(rows, caller.project_id, reference, noun)
    answer = show(thing)
    return json_response(wire.encode(answer), headers={"ETag": f'"{answer.metadata.version}"'})
