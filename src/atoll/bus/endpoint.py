"""A host's end of any bus: converts the bytes of a request to the bytes of its answer; never
raises.

Used by each bus, so that requests are handled the same way on all of them.
"""

from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeVar, cast, get_args

from atoll.bus.codec import decode_ask, encode_answer, encode_failure, id_of
from atoll.domain.errors import Unsupported
from atoll.messages import Ask, Done, Opening, Reply
from atoll.ports import Stream

Handler = Callable[[Ask], Coroutine[Any, Any, Reply]]
Connector = Callable[[Opening], Coroutine[Any, Any, Stream]]
OPENINGS = get_args(Opening)
T = TypeVar("T")


class Endpoint(NamedTuple):
    """The server of a host: `ports.Bus.serve`."""

    handler: Handler
    connector: Connector

    async def answer(self, data: bytes) -> bytes:
        try:
            ask = read(data, opening=False)
        except Unsupported as error:
            return encode_failure(id_of(data), error)
        try:
            return encode_answer(ask.id, await self.handler(ask))
        except Exception as error:
            return encode_failure(ask.id, error)

    async def open(self, data: bytes) -> tuple[bytes, Stream | None]:
        """Return the answer, and the stream if one was opened."""
        try:
            ask = read(data, opening=True)
            stream = await self.connector(cast(Opening, ask.body))
        except Exception as error:
            return encode_failure(id_of(data), error), None
        return encode_answer(ask.id, Done()), stream


def read(data: bytes, *, opening: bool) -> Ask:
    """Raises Unsupported, also for a request sent in the wrong way."""
    ask = decode_ask(data)
    if isinstance(ask.body, OPENINGS) is not opening:
        way = "answered, not connected" if opening else "connected, not answered"
        raise Unsupported(f"{type(ask.body).__name__} is {way}")
    return ask
