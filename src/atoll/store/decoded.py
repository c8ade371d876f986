"""A cache of decoded rows, valid until a row changes.

Decoding takes most of the time of a long list, and reading documents most of the rest. A row's
version increases with each change, so a list whose ids and versions are all known needs neither.
"""

from typing import Any

# Rows that are kept of a table, and the longest document that is: 16 MiB of text in all.
ROWS_MAX = 4_096
CHARS_MAX = 4_096


class Decoded:
    """The structs of one table, by id and version; the oldest are removed first."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, Any]] = {}

    def find(self, thing_id: str, version: int) -> Any | None:
        kept = self._kept.get(thing_id)
        return kept[1] if kept is not None and kept[0] == version else None

    def all_of(self, heads: Any) -> list[Any] | None:
        """Return the structs of these ids and versions, or None unless all are kept."""
        things = []
        for thing_id, version in heads:
            kept = self._kept.get(thing_id)
            if kept is None or kept[0] != version:
                return None
            things.append(kept[1])
        return things

    def keep(self, thing_id: str, version: int, thing: Any, chars: int) -> None:
        self._kept.pop(thing_id, None)
        if chars > CHARS_MAX:
            return
        if len(self._kept) >= ROWS_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[thing_id] = (version, thing)
