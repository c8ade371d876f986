"""The formats of Vultr's API v2: error bodies, ids, cursors, times and texts."""

import base64
import binascii
import datetime
import functools
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import msgspec
from litestar import Response
from litestar.params import FromQuery

from atoll.api import foreign, serving
from atoll.api.http import Call, Plain, json_response
from atoll.api.serving import Asked
from atoll.api.vultr.catalogue import Catalogue
from atoll.api.vultr.wording import COMMON, wording_for
from atoll.domain.commands import Command
from atoll.domain.errors import (
    AtollError,
    Busy,
    DriverError,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    StoreUnavailable,
    Unauthenticated,
)
from atoll.domain.reasons import Reason
from atoll.service import pages, queries
from atoll.service.nouns import Identified, Noun
from atoll.service.queries import ALL, Query
from atoll.service.references import is_id

PREFIX = "/v2"
PER_PAGE, PER_PAGE_MAX = 100, 500
DIGITS_MAX = 18
encode, execute, no_content, respond = (
    serving.encode,
    serving.execute,
    serving.no_content,
    serving.respond,
)
services_of, shown, view_of = serving.services_of, serving.shown, serving.view_of
uuid_of, native_id, native_id_in = foreign.uuid_of, foreign.native_id, foreign.native_id_in
T = TypeVar("T")
K = TypeVar("K", bound=Identified)

# All other errors are a 400. A busy resource is a 429, because clients retry after no other status.
STATUSES: tuple[tuple[type[AtollError], int], ...] = (
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Busy, 429),
    (RateLimited, 429),
    (StoreUnavailable, 503),
    (DriverError, 503),
)
# By the last family in the path that has an id: clients search for these words.
MISSING = {
    "instances": "instance not found",
    "jobs": "job not found",
    "bare-metals": "invalid server",
    "blocks": "Invalid block storage ID",
    "firewalls": "Firewall group not found",
    "rules": "Firewall rule ID not found",
    "snapshots": "Invalid snapshot ID",
    "backups": "Invalid backup ID",
    "ssh-keys": "Invalid ssh key",
    "startup-scripts": "Invalid startup script ID",
    "reserved-ips": "Invalid reserved-ip ID",
    "vpcs": "Invalid VPC ID",
    "vpc2": "Invalid VPC ID",
    "private-networks": "Invalid private network ID",
    "iso": "Invalid ISO ID",
    "users": "Invalid user ID",
    "regions": "Invalid region ID",
}
# Words other than ids that follow the name of a family in paths.
VERBS = frozenset({"", "attach", "detach", "convert", "create-from-url", "start", "halt", "reboot"})


class ErrorBody(msgspec.Struct, kw_only=True):
    error: str
    status: int


class Links(msgspec.Struct, kw_only=True):
    next: str = ""
    prev: str = ""


class Meta(msgspec.Struct, kw_only=True):
    """`links` are cursors; empty if there is no such page."""

    total: int
    links: Links


class Wire(msgspec.Struct, kw_only=True):
    """Base of request bodies. Unknown fields are ignored and null is the same as an absent field:
    clients repeat path parameters in bodies, and send null for unset fields."""


def status_of_error(error: AtollError) -> int:
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 400)


def family_of(path: str) -> str:
    """Return the last word of the path that names a family of resources."""
    words = [word for word in path.removeprefix(PREFIX).split("/") if word in MISSING]
    return words[-1] if words else ""


def missing_family(path: str) -> str:
    """Return the family of the resource that was not found: the last one in the path with an id."""
    words = path.removeprefix(PREFIX).split("/")
    named = [
        word for word, next_one in pairwise(words) if word in MISSING and next_one not in VERBS
    ]
    return named[-1] if named else family_of(path)


def text_of(error: AtollError, path: str, asked: Asked | None) -> str:
    """Return the sentence of an error with the words and ids of this dialect."""
    if isinstance(error, NotFound) and not (isinstance(error.reason, str) and error.field):
        family = missing_family(path)
        if error.reason is Reason.DELETED_ALREADY and family != "bare-metals":
            family = "instances"  # also if the body names the resource
        return MISSING.get(family, error.message)
    return foreign.say(error, asked, wording_for(asked)).message


def refusal(status: int, text: str) -> Plain:
    return Plain(status, encode(ErrorBody(error=text, status=status)))


def refuse(error: AtollError) -> Plain:
    """Answer an error of the guard, which does not know the path."""
    return refusal(status_of_error(error), COMMON.say(error).message)


ERRORS = {
    400: "a value is not allowed, or the present situation forbids it",
    401: "no API key, or not a known one",
    403: "the key's role may not do this",
    404: "there is no such thing",
    429: "too many requests, or the resource is busy: retry",
}
ANY_ERROR = serving.errors(ErrorBody, ERRORS)


def date_of(at_ms: int) -> str:
    """Format a time as `2020-10-10T01:56:20+00:00`."""
    return second_text(at_ms // 1000)


@functools.lru_cache(maxsize=8192)
def second_text(at_s: int) -> str:
    """Cache formatted seconds: resources of one page often have the same."""
    return datetime.datetime.fromtimestamp(at_s, datetime.UTC).isoformat()


def plain_date_of(at_ms: int) -> str:
    """Format a time as `2020-10-10 01:56:20`, as in jobs and schedules."""
    return datetime.datetime.fromtimestamp(at_ms // 1000, datetime.UTC).strftime(
        "%Y-%m-%d %H:%M:%S"
    )


def number_in(text: str) -> int | None:
    """Return the number, or None if the text is no number or too long for one."""
    return int(text) if text.isdecimal() and len(text) <= DIGITS_MAX else None


def catalogue_of(request: Call) -> Catalogue:
    catalogue: Catalogue = request.app.state.catalogue
    return catalogue


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """The requested page. `at` is the last id, or place, of the page before; with `back`, the first
    one of the page after."""

    per_page: int
    at: str | None = None
    back: bool = False


async def paging(
    per_page: FromQuery[int] = PER_PAGE, cursor: FromQuery[str | None] = None
) -> Paging:
    """Read the paging parameters of a query. Raises Invalid."""
    if not 1 <= per_page <= PER_PAGE_MAX:
        raise Invalid(f"per_page must be 1 to {PER_PAGE_MAX}", field="per_page")
    if not cursor:
        return Paging(per_page=per_page)
    try:
        way, _, at = (
            base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
        )
    except (binascii.Error, ValueError):
        way = at = ""
    if way not in {"next", "prev"} or not at or not at.isascii() or not at.isprintable():
        raise foreign_cursor()
    return Paging(per_page=per_page, at=at, back=way == "prev")


def foreign_cursor() -> Invalid:
    return Invalid("cursor: it is not one that a list answered", field="cursor")


def cursor_of(way: str, at: str) -> str:
    return base64.urlsafe_b64encode(f"{way}:{at}".encode()).decode().rstrip("=")


async def page_of(
    request: Call, noun: Noun[K], asked: Paging, wanted: Query = ALL
) -> tuple[Sequence[K], Meta]:
    """Return a page of the project's resources, in order of creation."""
    view = view_of(request)
    if asked.at is not None and not is_id(asked.at):
        raise foreign_cursor()
    part = msgspec.structs.replace(
        wanted, after=asked.at, limit=asked.per_page + 1, descending=asked.back
    )
    found, limit = await pages.read(lambda one: queries.find_page(view, noun, one), part)
    more, page = len(found) > limit, found[:limit]
    if asked.back:
        page.reverse()
    before, after = (more, True) if asked.back else (asked.at is not None, more)
    links = Links()
    if page:
        links = Links(
            next=cursor_of("next", page[-1].id) if after else "",
            prev=cursor_of("prev", page[0].id) if before else "",
        )
    return page, Meta(total=await queries.count(view, noun, wanted), links=links)


def part_of(things: Sequence[T], asked: Paging) -> tuple[Sequence[T], Meta]:
    """Return a page of a list that has no table. The cursor is a place in the list."""
    at = number_in(asked.at or "0")
    if at is None:
        raise foreign_cursor()
    first = max(0, at - asked.per_page) if asked.back else at
    last = first + asked.per_page
    links = Links(
        next=cursor_of("next", str(last)) if last < len(things) else "",
        prev=cursor_of("prev", str(first)) if first else "",
    )
    return things[first:last], Meta(total=len(things), links=links)


def answer(body: Any, status: int = 200) -> Response[bytes]:
    return json_response(encode(body), status)


async def mutate(
    request: Call, show: Callable[[Any], Any], command: Command | Asked, status: int = 200
) -> Response[bytes]:
    """Carry out a command and answer with its resource, formatted by `show`."""
    outcome = await execute(request, command)
    return respond(outcome, show(outcome.thing), status)
