"""A stream in memory: what is sent into one end comes out of the other."""

import asyncio

from atoll.domain.errors import DriverUnavailable


class End:
    """One end of a pipe: `ports.Stream`."""

    def __init__(self, inward: asyncio.Queue[bytes], outward: asyncio.Queue[bytes]) -> None:
        self._inward = inward
        self._outward = outward
        self._ended = False
        self.other: End | None = None
        self.closed = asyncio.Event()

    async def receive(self) -> bytes:
        if self._ended or self.closed.is_set():
            return b""
        data = await self._inward.get()
        self._ended = not data
        return data

    async def send(self, data: bytes) -> None:
        assert self.other is not None
        if self.closed.is_set() or self.other.closed.is_set():
            raise DriverUnavailable("the other side is gone")
        await self._outward.put(data)

    async def close(self) -> None:
        if not self.closed.is_set():
            self.closed.set()
            await self._outward.put(b"")


def pipe(chunks_max: int = 0) -> tuple[End, End]:
    """Both ends. `chunks_max` is how much a sender may be ahead of its reader; 0 is no bound."""
    there: asyncio.Queue[bytes] = asyncio.Queue(chunks_max)
    back: asyncio.Queue[bytes] = asyncio.Queue(chunks_max)
    near, far = End(there, back), End(back, there)
    near.other, far.other = far, near
    return near, far
