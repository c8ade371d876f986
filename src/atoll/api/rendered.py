"""A cache of the JSON of rows, valid until the row changes.

A row's version increases with each change, so an id and a version identify one text. Only JSON that
depends on its own row alone may be cached here.
"""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec

BYTES_MAX = 16 * 1024 * 1024
OVERHEAD_BYTES = 200  # the overhead of an entry


class Versioned(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def version(self) -> int: ...


T = TypeVar("T", bound=Versioned)


class Rendered(Generic[T]):
    """Holds at most `bytes_max` bytes; the oldest texts are removed first."""

    def __init__(self, show: Callable[[T], object], bytes_max: int = BYTES_MAX) -> None:
        self._show = show
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: dict[str, tuple[int, bytes]] = {}

    def part_of(self, thing: T) -> msgspec.Raw:
        """The JSON, to stand in that of a list."""
        return msgspec.Raw(self.json_of(thing))

    def json_of(self, thing: T) -> bytes:
        kept = self._kept.get(thing.id)
        if kept is not None and kept[0] == thing.version:
            return kept[1]
        text = msgspec.json.encode(self._show(thing))
        self._keep(thing.id, thing.version, text)
        return text

    def _keep(self, thing_id: str, version: int, text: bytes) -> None:
        self._forget(thing_id)
        self._kept[thing_id] = (version, text)
        self._bytes += len(text) + OVERHEAD_BYTES
        while self._bytes > self._bytes_max:
            self._forget(next(iter(self._kept)))

    def _forget(self, thing_id: str) -> None:
        gone = self._kept.pop(thing_id, None)
        if gone is not None:
            self._bytes -= len(gone[1]) + OVERHEAD_BYTES
