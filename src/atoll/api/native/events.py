"""`/v1/events` as server-sent events, and `/v1/audit`."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery
from litestar.response import Stream

from atoll.api.http import Call, caller_of
from atoll.api.native import wire
from atoll.api.native.paging import PLAIN, Paging
from atoll.api.native.wire import services_of, view_of
from atoll.domain.agents import Agent
from atoll.domain.events import AuditRecord, Event
from atoll.domain.projects import Caller
from atoll.service import events, pages
from atoll.service.bundle import Services
from atoll.service.events import Selection
from atoll.service.keys import is_valid
from atoll.service.queries import equal

PAGE = 500
# A stream of a deleted key ends within so long, and the next wake.
KEY_CHECK_S = 2.0
QUIET_S = 15.0
NOW = "now"
FIRST = "0.0"


class EventData(msgspec.Struct, kw_only=True):
    resource_id: str
    operation_id: str | None
    at: str
    data: dict[str, Any]


class StreamedEvent(msgspec.Struct, kw_only=True):
    """One event of the stream: its fields, of which `data` is the JSON text of an EventData."""

    id: str
    event: str
    data: str


class AuditOut(msgspec.Struct, kw_only=True):
    """`agent` is what a software agent said about itself. `command` is the request, with secrets
    and long texts as digests."""

    id: str
    key_id: str
    dialect: str
    request_id: str
    agent: Agent | None
    action: str
    command: dict[str, Any]
    resource_id: str
    operation_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    at: str


class AuditList(msgspec.Struct, kw_only=True):
    items: list[AuditOut]
    next: str | None


def show_event(event: Event) -> bytes:
    """Format one event as in the HTML standard, section 9.2.6."""
    data = EventData(
        resource_id=event.resource_id, operation_id=event.operation_id,
        at=wire.time_text(event.at_ms), data=event.data,
    )  # fmt: skip
    head = f"id: {event.seq}\nevent: {event.kind}\ndata: ".encode()
    return head + wire.encode(data) + b"\n\n"


def show_audit(record: AuditRecord) -> AuditOut:
    return AuditOut(
        id=record.id, key_id=record.key_id, dialect=record.dialect, request_id=record.request_id,
        agent=record.agent, action=record.action, command=record.command,
        resource_id=record.resource_id, operation_id=record.operation_id,
        before=record.before, after=record.after, at=wire.time_text(record.at_ms),
    )  # fmt: skip


async def stream(
    services: Services, caller: Caller, position: str, selection: Selection, follow: bool
) -> AsyncIterator[bytes]:
    """Send the events after a position and, with `follow`, future ones. A comment every few seconds
    keeps the connection open. The stream ends when its key is deleted or expires."""
    with services.store.watch("events") as watch:
        quiet_s, checked_s = 0.0, monotonic()
        while True:
            if monotonic() - checked_s >= KEY_CHECK_S:
                now_ms, checked_s = services.desk.clock.now_ms(), monotonic()
                if not await is_valid(services.store, caller.key_id, now_ms):
                    return
            page = await events.find_after(services.desk.view(caller), position, PAGE)
            wanted = [event for event in page if selection.has(event)]
            for event in wanted:
                yield show_event(event)
            if page:
                position = page[-1].seq
            if len(page) == PAGE:
                await asyncio.sleep(0)  # a page of which nothing is wanted waits for nothing
                continue
            if not follow:
                return
            quiet_s = 0.0 if wanted else quiet_s + 1.0
            if quiet_s >= QUIET_S:
                quiet_s = 0.0
                yield b": nothing new\n\n"
            await watch.wait(1.0)


class Events(Controller):
    tags = ("Events",)

    @get(
        "/events", operation_id="streamEvents", summary="Stream events",
        responses=wire.READS
        | {200: ResponseSpec(StreamedEvent, description="events", generate_examples=False,
                             media_type="text/event-stream")},
    )  # fmt: skip
    async def follow_events(
        self,
        request: Call,
        after: FromQuery[str | None] = None,
        follow: FromQuery[bool] = True,
        resource_id: FromQuery[str | None] = None,
        event: FromQuery[list[str] | None] = None,
        since: FromQuery[wire.Moment | None] = None,
    ) -> Stream:
        selection = Selection(
            resource_id=resource_id, kinds=tuple(event or ()), since_ms=wire.ms_of(since)
        )
        selection.require_valid()
        view = view_of(request)
        position = request.headers.get("last-event-id") or after or FIRST
        if position == NOW:
            position = await events.last_position(view)
        # The first page is read here, so that a wrong position is answered with an error.
        await events.find_after(view, position, 1)
        body = stream(services_of(request), caller_of(request), position, selection, follow)
        headers = {"Cache-Control": "no-store"}
        return Stream(body, media_type="text/event-stream", headers=headers)

    @get(
        "/audit", operation_id="listAudit", dependencies=PLAIN, summary="List audit records",
        responses=wire.LISTS | wire.shown(AuditList, "one page of the list"),
    )  # fmt: skip
    async def audit(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        resource_id: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        wanted = paging.changed(equals=equal(resource_id=resource_id)).wanted
        view = view_of(request)
        found, limit = await pages.read(lambda part: events.find_audit(view, part), wanted)
        return wire.page_response(found, limit, show_audit, lambda r: r.id)
