"""Splits the guests of a host into parts that fit into one message each.

Used by the agent. A part names its range of ids, so that each can be compared by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from atoll.messages import MESSAGE_BYTES_MAX, GuestFacts

PART_BYTES = MESSAGE_BYTES_MAX // 2


@dataclass(frozen=True)
class Part:
    """All guests whose ids come after `after`, up to and including `until`; empty means no
    bound."""

    guests: tuple[GuestFacts, ...] | None = None
    after: str = ""
    until: str = ""


def parts_of(guests: Iterable[GuestFacts]) -> list[Part]:
    """Return at least one part; together they cover every possible id."""
    parts: list[Part] = []
    taken: list[GuestFacts] = []
    after, size_bytes = "", 0
    for guest in sorted(guests, key=lambda one: one.id):
        guest_bytes = len(msgspec.msgpack.encode(guest))
        if taken and size_bytes + guest_bytes > PART_BYTES:
            parts.append(Part(guests=tuple(taken), after=after, until=taken[-1].id))
            after, taken, size_bytes = taken[-1].id, [], 0
        taken.append(guest)
        size_bytes += guest_bytes
    return [*parts, Part(guests=tuple(taken), after=after)]
