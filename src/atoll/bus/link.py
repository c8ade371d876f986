"""The two ends of a connection between the control plane and a host.

Many requests are in flight at once; an answer has the number of its request. `HostLink` is the
control plane's end, `ControlLink` the host's.
"""

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from atoll.bus.channel import Channel
from atoll.bus.codec import (
    decode_answer,
    decode_report,
    encode,
    encode_failure,
    id_of,
)
from atoll.bus.endpoint import Endpoint
from atoll.bus.frames import Frame, Frames, Kind
from atoll.domain.errors import AtollError, DriverBusy, DriverUnavailable
from atoll.messages import Report
from atoll.ports import Stream

log = structlog.get_logger()
ASKS_MAX = 1000  # requests that a host executes concurrently for one control process
STREAMS_MAX = 200
NUMBERS = 2**32


class Link(ABC):
    """The common part of both ends: the receiving loop, numbers, waiting requests, streams."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._channels: dict[int, Channel] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.ended = False

    async def run(self) -> None:
        """Run until either side ends the connection. Requests in flight then fail; requests that
        are being executed continue."""
        try:
            while (frame := await self._frames.receive()) is not None:
                if not self._take(frame):
                    log.warning("a connection was cut: what came is not allowed", kind=frame.kind)
                    break
        finally:
            self.ended = True
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(
                        DriverUnavailable("the connection broke: whether it was done is not known")
                    )
            for channel in list(self._channels.values()):
                channel.end(broken=True)
            await self._frames.close()

    async def close(self) -> None:
        """Cancel the requests that are being executed."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._frames.close()

    def _take(self, frame: Frame) -> bool:
        """Return False if the other side violates the protocol."""
        channel = self._channels.get(frame.channel)
        match frame.kind:
            case Kind.ANSWER | Kind.TAKEN:
                waiting = self._waiting.get(frame.channel)
                if waiting is not None and not waiting.done():
                    waiting.set_result(frame.data)
            case Kind.DATA:
                return channel is None or channel.take(frame.data)
            case Kind.CREDIT:
                if channel is not None:
                    channel.give_window(frame.data)
            case Kind.END:
                if channel is not None:
                    channel.end()
            case _:
                return self._begin(frame)
        return True

    @abstractmethod
    def _begin(self, frame: Frame) -> bool:
        """Handle a request or stream that the other side starts."""

    async def _call(self, kind: Kind, data: bytes) -> bytes:
        """Send a frame and return its answer. Raises DriverUnavailable if the connection breaks."""
        return await self._call_as(next(self._numbers) % NUMBERS, kind, data)

    async def _call_as(self, number: int, kind: Kind, data: bytes) -> bytes:
        if self.ended:
            raise DriverUnavailable("the connection is closed")
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        try:
            await self._frames.send(Frame(kind, number, data))
            return await waiting
        finally:
            del self._waiting[number]
            if not waiting.cancel() and not waiting.cancelled():
                waiting.exception()  # the answer is known now, even if no caller waits for it

    def _add_channel(self, number: int) -> Channel:
        forget: Callable[[int], Any] = self._channels.pop
        channel = self._channels[number] = Channel(number, self._send, forget)
        return channel

    async def _send(self, frame: Frame) -> None:
        await self._frames.send(frame)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class HostLink(Link):
    """`on_serve` is called when a host is served, `on_leave` when it no longer is."""

    def __init__(
        self,
        frames: Frames,
        on_serve: "Callable[[str, HostLink], None]",
        on_leave: "Callable[[HostLink], None]",
        on_report: Callable[[Report], Coroutine[Any, Any, None]],
    ) -> None:
        super().__init__(frames)
        self._on_serve = on_serve
        self._on_leave = on_leave
        self._on_report = on_report
        self._reporting = False

    async def request(self, data: bytes) -> bytes:
        return await self._call(Kind.ASK, data)

    async def open(self, data: bytes) -> Stream:
        """Open a stream. Raises the host's error."""
        number = next(self._numbers) % NUMBERS
        channel = self._add_channel(number)
        try:
            decode_answer(await self._call_as(number, Kind.OPEN, data))
        except BaseException:
            if not self.ended:
                await channel.close()
            raise
        return channel

    def _begin(self, frame: Frame) -> bool:
        match frame.kind:
            case Kind.SERVE:
                self._on_serve(frame.data.decode(errors="replace"), self)
                self._spawn(self._send(Frame(Kind.TAKEN, frame.channel)))
            case Kind.LEAVE:
                self._on_leave(self)
                self._spawn(self._send(Frame(Kind.TAKEN, frame.channel)))
            case Kind.REPORT if not self._reporting:
                self._reporting = True
                self._spawn(self._hand_on(frame))
            case _:
                return False
        return True

    async def _hand_on(self, frame: Frame) -> None:
        """Pass reports on one at a time, so that they stay in order; the host waits meanwhile."""
        try:
            await self._on_report(decode_report(frame.data))
        except AtollError as error:
            log.warning("a report was not taken", why=error.message)
        finally:
            self._reporting = False
        await self._send(Frame(Kind.TAKEN, frame.channel))


class ControlLink(Link):
    def __init__(self, frames: Frames) -> None:
        super().__init__(frames)
        self.endpoint: Endpoint | None = None
        self._report_lock = asyncio.Lock()

    async def serve(self, host_id: str, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        await self._call(Kind.SERVE, host_id.encode())

    async def leave(self) -> None:
        await self._call(Kind.LEAVE, b"")
        await self.close()

    async def report(self, report: Report) -> None:
        data = encode(report)
        async with self._report_lock:
            await self._call(Kind.REPORT, data)

    def _begin(self, frame: Frame) -> bool:
        if self.endpoint is None:
            return False
        match frame.kind:
            case Kind.ASK:
                self._spawn(self._answer(self.endpoint, frame))
            case Kind.OPEN:
                self._spawn(self._open(self.endpoint, frame, self._add_channel(frame.channel)))
            case _:
                return False
        return True

    async def _answer(self, endpoint: Endpoint, frame: Frame) -> None:
        if len(self._tasks) > ASKS_MAX:
            answer = refuse_more(frame.data)
        else:
            answer = await endpoint.answer(frame.data)
        await self._reply(frame.channel, answer)

    async def _reply(self, number: int, answer: bytes) -> None:
        try:
            await self._send(Frame(Kind.ANSWER, number, answer))
        except DriverUnavailable as error:
            log.info("an answer could not be sent", why=error.message)

    async def _open(self, endpoint: Endpoint, frame: Frame, channel: Channel) -> None:
        if len(self._channels) > STREAMS_MAX:
            answer, stream = refuse_more(frame.data), None
        else:
            answer, stream = await endpoint.open(frame.data)
        await self._reply(frame.channel, answer)
        if stream is None:
            channel.end()
        else:
            await join(stream, channel)


def refuse_more(data: bytes) -> bytes:
    return encode_failure(id_of(data), DriverBusy("the host has too much to do at once"))


async def join(one: Stream, other: Stream) -> None:
    """Copy both directions until one of them ends; then close both."""
    ways = [asyncio.create_task(pump(one, other)), asyncio.create_task(pump(other, one))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for stream in (one, other):
            try:
                await stream.close()
            except DriverUnavailable as error:
                log.info("a stream had ended before it was closed", why=error.message)


async def pump(source: Stream, sink: Stream) -> None:
    """Copy one direction. The next bytes are read only after the other side has accepted the
    previous ones."""
    try:
        while data := await source.receive():
            await sink.send(data)
    except DriverUnavailable:
        return
