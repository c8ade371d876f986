"""What keys, networks, groups and images have in common in this dialect."""

from collections.abc import Callable
from typing import Any, TypeVar

from litestar import Response

from atoll.api.http import Call, json_response, version_of
from atoll.api.native import wire
from atoll.api.native.paging import Paging
from atoll.api.native.wire import ChangedMetadata, Metadata, Wire, view_of
from atoll.domain.commands import Command
from atoll.service import pages, queries
from atoll.service.nouns import Noun

T = TypeVar("T", bound=Any)
C = TypeVar("C", bound=Command)


class PatchBody(Wire, kw_only=True):
    metadata: ChangedMetadata


def metadata(thing: Any, version: int | None = None) -> Metadata:
    """`version` is given if users see another version than that of the row."""
    return Metadata(
        name=thing.name, labels=thing.labels, created_at=wire.time_text(thing.created_at_ms),
        version=version or thing.version,
    )  # fmt: skip


def parse_update(request: Call, body: PatchBody, kind: type[C], **given: Any) -> C:
    """Parse a command that changes the name and labels of a resource."""
    names = {"name": body.metadata.name, "labels": body.metadata.labels}
    return kind(**names, version=version_of(request), **given)


async def page(
    request: Call, noun: Noun[T], paging: Paging, show: Callable[[T], Any]
) -> Response[bytes]:
    view = view_of(request)
    found, limit = await pages.read(lambda part: queries.find_page(view, noun, part), paging.wanted)
    return wire.page_response(found, limit, show, lambda thing: str(thing.id))


async def read(
    request: Call, noun: Noun[T], reference: str, show: Callable[[T], Any]
) -> Response[bytes]:
    return answer(show(await queries.get(view_of(request), noun, reference)))


def answer(shown: Any) -> Response[bytes]:
    return answer_json(wire.encode(shown), shown.metadata.version)


def answer_json(shown: bytes, version: int) -> Response[bytes]:
    """Respond with one resource, with its version as ETag."""
    return json_response(shown, headers={"ETag": f'"{version}"'})
