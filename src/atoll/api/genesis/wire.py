"""The formats of Genesis Cloud's compute v1: error bodies, pages, times and status words."""

import datetime
import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from litestar import Response
from litestar.params import FromQuery

from atoll.api import foreign, serving
from atoll.api.genesis.catalogue import Catalogue
from atoll.api.genesis.wording import COMMON, wording_for
from atoll.api.http import Call, Headers, Plain, bearer_or_key, header, json_response
from atoll.api.serving import Asked
from atoll.domain.commands import Command
from atoll.domain.errors import (
    AtollError,
    Busy,
    Conflict,
    DriverError,
    Forbidden,
    Invalid,
    NoCapacity,
    NotFound,
    QuotaExceeded,
    RateLimited,
    StoreUnavailable,
    Unauthenticated,
)
from atoll.domain.instances import Goal, Instance, InstanceState
from atoll.domain.reasons import Reason
from atoll.domain.snapshots import Snapshot, SnapshotState
from atoll.domain.volumes import Volume, VolumeState
from atoll.service import queries
from atoll.service.nouns import Identified, Noun
from atoll.service.queries import ALL, Query

PREFIX = "/compute/v1"
PER_PAGE, PER_PAGE_MAX = 50, 100
PAGE_MAX = 10_000_000
# The two codes that the vendor documents. All others are Atoll's codes.
NO_ROUTE, IMAGE_CANNOT_RUN = "02001", "02035"
encode, execute, no_content, respond = (
    serving.encode,
    serving.execute,
    serving.no_content,
    serving.respond,
)
services_of, shown, view_of = serving.services_of, serving.shown, serving.view_of
uuid_of, native_id, native_id_in = foreign.uuid_of, foreign.native_id, foreign.native_id_in
K = TypeVar("K", bound=Identified)
T = TypeVar("T")

# The Terraform provider retries after a 429 alone.
STATUSES: tuple[tuple[type[AtollError], int], ...] = (
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Busy, 429),
    (RateLimited, 429),
    (Conflict, 409),
    (QuotaExceeded, 409),
    (NoCapacity, 409),
    (StoreUnavailable, 503),
    (DriverError, 503),
)


class ErrorBody(msgspec.Struct, kw_only=True):
    code: str
    message: str


class Wire(msgspec.Struct, kw_only=True):
    """Base of request bodies. Unknown fields are ignored and null is the same as an absent field:
    clients send null for unset fields."""


class Named(msgspec.Struct, kw_only=True):
    """A resource as another one mentions it."""

    id: str
    name: str


class Page(msgspec.Struct, kw_only=True):
    """The paging fields of every list."""

    total_count: int
    page: int
    per_page: int


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    page: int = 1
    per_page: int = PER_PAGE

    @property
    def before(self) -> int:
        return (self.page - 1) * self.per_page


async def paging(page: FromQuery[int] = 1, per_page: FromQuery[int] = PER_PAGE) -> Paging:
    """Read the paging parameters of a query. Raises Invalid."""
    if not 1 <= page <= PAGE_MAX:
        raise Invalid(f"page must be 1 to {PAGE_MAX}", field="page")
    if not 1 <= per_page <= PER_PAGE_MAX:
        raise Invalid(f"per_page must be 1 to {PER_PAGE_MAX}", field="per_page")
    return Paging(page=page, per_page=per_page)


async def page_of(
    request: Call, noun: Noun[K], asked: Paging, wanted: Query = ALL
) -> tuple[Sequence[K], dict[str, int]]:
    """Return a page of the project's resources, in order of creation."""
    view = view_of(request)
    page = msgspec.structs.replace(wanted, offset=asked.before, limit=asked.per_page)
    found = await queries.find_page(view, noun, page)
    return found, about_page(asked, await queries.count(view, noun, wanted))


def part_of(things: Sequence[T], asked: Paging) -> tuple[Sequence[T], dict[str, int]]:
    """Return a page of a list that has no table."""
    part = things[asked.before : asked.before + asked.per_page]
    return part, about_page(asked, len(things))


def about_page(asked: Paging, total: int) -> dict[str, int]:
    return {"total_count": total, "page": asked.page, "per_page": asked.per_page}


def secret_of(headers: Headers) -> str | None:
    """Read the key from `X-Auth-Token`, `Authorization: Bearer` or `X-API-Key`."""
    given = header(headers, b"x-auth-token")
    return given.strip() if given else bearer_or_key(headers)


def status_of_error(error: AtollError) -> int:
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 400)


def code_of(error: AtollError) -> str:
    """Return the code. The vendor has one for an image that needs more memory than the type has."""
    return IMAGE_CANNOT_RUN if error.reason is Reason.IMAGE_NEEDS_MEMORY else error.code


def text_of(error: AtollError, asked: Asked | None) -> str:
    """Return the sentence of an error with the words and ids of this dialect."""
    return foreign.say(error, asked, wording_for(asked)).message


def refusal(status: int, code: str, text: str) -> Plain:
    return Plain(status, encode(ErrorBody(code=code, message=text)))


def refuse(error: AtollError) -> Plain:
    """Answer an error of the guard, which does not know the path."""
    return refusal(status_of_error(error), error.code, COMMON.say(error).message)


ERRORS = {
    400: "a value is not allowed",
    401: "no API key, or not a known one",
    403: "the key's role may not do this",
    404: "there is no such thing",
    409: "the present situation forbids it",
    413: "the body is larger than 1 MiB",
    429: "too many requests, or the resource is busy: retry",
    503: "a host or the database does not answer now",
}
ANY_ERROR = serving.errors(ErrorBody, ERRORS)


@functools.lru_cache(maxsize=8192)
def time_of(at_ms: int) -> str:
    """Format a time as `2020-03-23T10:09:29.152Z`."""
    moment = datetime.datetime.fromtimestamp(at_ms // 1000, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def catalogue_of(request: Call) -> Catalogue:
    catalogue: Catalogue = request.app.state.catalogue
    return catalogue


def answer(body: Any, status: int = 200) -> Response[bytes]:
    return json_response(encode(body), status)


async def mutate(
    request: Call, show: Callable[[Any], Any], command: Command | Asked, status: int = 200
) -> Response[bytes]:
    """Carry out a command and answer with its resource, formatted by `show`."""
    outcome = await execute(request, command)
    return respond(outcome, show(outcome.thing), status)


def instance_status(instance: Instance) -> str:
    """Return the status. A change of a running instance leaves it `active`: clients take any other
    status in the answer to a change for a failure."""
    state, goal = instance.state, instance.goal
    if goal is Goal.DELETED and (state is not InstanceState.ERROR or instance.doing is not None):
        return "deleting"
    if state is InstanceState.ERROR:
        return "error"
    if state is InstanceState.CREATING:
        return "creating"
    if state is InstanceState.STOPPED:
        return "starting" if goal is Goal.RUNNING else "stopped"
    if goal is Goal.STOPPED:
        return "stopping"
    if instance.halt is not None and instance.doing in {None, "instance.start"}:
        return "starting" if instance.doing else "error"
    return "resetting" if instance.doing in {"instance.reset", "instance.reboot"} else "active"


ACTIONS = {
    "active": ("reset", "stop"),
    "stopped": ("start",),
    "starting": ("stop",),
    "error": ("stop",),
}
HALTED_ACTIONS = ("start", "reset", "stop")


def actions_of(instance: Instance) -> list[str]:
    status = instance_status(instance)
    if status == "error" and instance.halt is not None:
        return list(HALTED_ACTIONS)
    return list(ACTIONS.get(status, ()))


SNAPSHOT_STATUSES = {
    SnapshotState.PENDING: "creating",
    SnapshotState.COMPLETE: "created",
    SnapshotState.ERROR: "error",
}


def snapshot_status(snapshot: Snapshot) -> str:
    return "deleting" if snapshot.doing == "snapshot.delete" else SNAPSHOT_STATUSES[snapshot.state]


def volume_status(volume: Volume) -> str:
    """Return `created` also during attach, detach and resize: clients wait for no other."""
    if volume.doing == "volume.delete":
        return "deleting"
    return "error" if volume.state is VolumeState.ERROR else "created"
