"""A cache of the places at which numbered pages begin.

A database finds the page after an id at once, but walks an index to the page at an offset. A client
that reads page after page by number leaves the id at which the next one begins.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Hashable

LISTS_MAX = 64
PLACES_MAX = 4_096


class Bookmarks:
    """The ids before some offsets of each list, valid until places in the list shift. The list that
    was not used for the longest time is removed first."""

    def __init__(self) -> None:
        self._lists: OrderedDict[Hashable, tuple[int, list[tuple[int, str]]]] = OrderedDict()

    def find(self, of: Hashable, shifts: int, offset: int) -> tuple[int, str | None]:
        """Return the closest known offset that is not beyond this one, and the id before it."""
        known, places = self._lists.get(of, (shifts, []))
        if known != shifts:
            return 0, None
        at = bisect_right(places, offset, key=lambda place: place[0])
        return places[at - 1] if at else (0, None)

    def keep(self, of: Hashable, shifts: int, offset: int, last_id: str) -> None:
        """Note that `last_id` is the last one before the offset."""
        known, places = self._lists.get(of, (shifts, []))
        if known != shifts or len(places) >= PLACES_MAX:
            places = []
        at = bisect_right(places, offset, key=lambda place: place[0])
        if not at or places[at - 1][0] != offset:
            places.insert(at, (offset, last_id))
        self._lists[of] = (shifts, places)
        self._lists.move_to_end(of)
        if len(self._lists) > LISTS_MAX:
            self._lists.popitem(last=False)
