"""What an agent does for each request: one verb of its driver. The only decisions are whether the
request is outdated (`fencing.py`) and whether it was executed before (`answers.py`)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from atoll.agent.answers import Answers, too_late
from atoll.agent.fencing import Fence
from atoll.agent.streams import ReadableStream
from atoll.domain.errors import Unsupported
from atoll.messages import (
    Absent,
    Ask,
    Bytes,
    Done,
    EnsureConfigured,
    EnsureExport,
    EnsureImage,
    EnsureRunning,
    EnsureSnapshot,
    EnsureStopped,
    EnsureVolume,
    GuestSpec,
    InspectGuest,
    InspectImport,
    OpenConsole,
    Opening,
    ReadExport,
    ReadGuestLog,
    ReadMetrics,
    ReadScreen,
    RemoveExport,
    RemoveGuest,
    RemoveImage,
    RemoveImport,
    RemoveSnapshot,
    RemoveVolume,
    Reply,
    WriteImport,
)
from atoll.ports import Driver, Stream

Verb = Callable[[Driver, Any], Coroutine[Any, Any, Any]]
# Reads change nothing, and an earlier answer may be outdated.
READS = (InspectGuest, InspectImport, ReadExport, ReadMetrics)

VERBS: dict[type, Verb] = {
    EnsureImage: lambda driver, request: driver.ensure_image(request.image),
    RemoveImage: lambda driver, request: driver.remove_image(request.image_id),
    EnsureVolume: lambda driver, request: driver.ensure_volume(request.volume),
    RemoveVolume: lambda driver, request: driver.remove_volume(request.volume_id),
    EnsureSnapshot: lambda driver, request: driver.ensure_snapshot(
        request.snapshot_id, request.volume_id
    ),
    RemoveSnapshot: lambda driver, request: driver.remove_snapshot(request.snapshot_id),
    EnsureExport: lambda driver, request: driver.ensure_export(request.export_id, request.parcel),
    ReadExport: lambda driver, request: driver.read_export(
        request.export_id, request.offset, request.bytes_max
    ),
    RemoveExport: lambda driver, request: driver.remove_export(request.export_id),
    InspectImport: lambda driver, request: driver.inspect_import(request.parcel),
    WriteImport: lambda driver, request: driver.write_import(request),
    RemoveImport: lambda driver, request: driver.remove_import(request.parcel),
    EnsureRunning: lambda driver, request: driver.ensure_running(guest_of(request)),
    EnsureConfigured: lambda driver, request: driver.ensure_configured(guest_of(request)),
    EnsureStopped: lambda driver, request: driver.ensure_stopped(
        request.guest_id, force=request.force
    ),
    RemoveGuest: lambda driver, request: driver.remove(request.guest_id),
    InspectGuest: lambda driver, request: driver.inspect(request.guest_id),
    ReadMetrics: lambda driver, request: driver.measure(request.guest_id),
}


def guest_of(request: EnsureRunning | EnsureConfigured) -> GuestSpec:
    """Insert the rules into each of its NICs, as drivers expect them."""
    if not request.rules:
        return request.guest
    guest, rules, replace = request.guest, request.rules, msgspec.structs.replace
    nics = tuple(replace(nic, rules=rules) for nic in guest.nics)
    return replace(guest, nic=replace(guest.nic, rules=rules), nics=nics)


class Handlers:
    def __init__(self, driver: Driver, fence: Fence, answers: Answers) -> None:
        self._driver = driver
        self._fence = fence
        self._answers = answers

    async def answer(self, ask: Ask) -> Reply:
        """Raises Stale, without any change, if the request is outdated."""
        self._fence.admit(ask)
        if ask.within_ms <= 0:
            raise too_late(ask)
        if ask.id and not isinstance(ask.body, READS):
            return await self._answers.once(ask, lambda: self._carry_out(ask.body))
        try:
            async with asyncio.timeout(ask.within_ms / 1000):
                return await self._carry_out(ask.body)
        except TimeoutError as error:
            raise too_late(ask) from error

    async def _carry_out(self, request: Any) -> Reply:
        verb = VERBS.get(type(request))
        if verb is None:
            raise Unsupported(
                f"the host's agent does not support {type(request).__name__}: update it"
            )
        return reply_of(request, await verb(self._driver, request))

    async def connect(self, request: Opening) -> Stream:
        driver = self._driver
        match request:
            case OpenConsole(guest_id=guest_id, console=console):
                return await driver.open_console(guest_id, console)
            case ReadGuestLog(guest_id=guest_id, bytes_max=bytes_max):
                return ReadableStream(await driver.read_log(guest_id, bytes_max))
            case ReadScreen(guest_id=guest_id):
                return ReadableStream(await driver.read_screen(guest_id))


def reply_of(request: Any, answer: Any) -> Reply:
    """Convert the result of a driver to a message."""
    if isinstance(answer, bytes):
        return Bytes(data=answer)
    if answer is None:
        return Absent() if isinstance(request, READS) else Done()
    reply: Reply = answer
    return reply
