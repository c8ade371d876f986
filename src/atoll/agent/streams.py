"""Bytes in memory as a stream that ends."""

from atoll.domain.errors import DriverUnavailable

CHUNK_BYTES = 64 * 1024


class ReadableStream:
    """A read-only `ports.Stream`."""

    def __init__(self, data: bytes) -> None:
        self._left = memoryview(data)

    async def receive(self) -> bytes:
        chunk, self._left = self._left[:CHUNK_BYTES], self._left[CHUNK_BYTES:]
        return bytes(chunk)

    async def send(self, data: bytes) -> None:
        raise DriverUnavailable("this stream is read-only")

    async def close(self) -> None:
        self._left = memoryview(b"")
