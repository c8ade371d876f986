"""Finds circular definitions: Tarjan's strongly connected components.

The result depends on the document only, so that the display of a recursive schema never depends on
the order of access. Used by schemas; computed on demand.
"""

from collections.abc import Callable, Iterator


class Circles:
    def __init__(self, references_in: Callable[[str], list[str]]) -> None:
        self._references_in = references_in
        self._circle_of: dict[str, int] = {}
        self._index: dict[str, int] = {}
        self._low: dict[str, int] = {}
        self._open: list[str] = []

    def are_joined(self, one: str, other: str) -> bool:
        """Whether `one`, which refers to `other`, is also reachable from it."""
        if one not in self._circle_of:
            self._explore(one)
        return self._circle_of[one] == self._circle_of.get(other)

    def _explore(self, start: str) -> None:
        """Find the components iteratively: chains can be deeper than Python's stack."""
        path: list[tuple[str, Iterator[str]]] = [self._enter(start)]
        while path:
            here, references = path[-1]
            onward = next(references, None)
            if onward is None:
                path.pop()
                self._leave(here)
                if path:
                    above = path[-1][0]
                    self._low[above] = min(self._low[above], self._low[here])
            elif onward not in self._index:
                path.append(self._enter(onward))
            elif onward not in self._circle_of:
                self._low[here] = min(self._low[here], self._index[onward])

    def _enter(self, pointer: str) -> tuple[str, Iterator[str]]:
        self._index[pointer] = self._low[pointer] = len(self._index)
        self._open.append(pointer)
        return pointer, iter(self._references_in(pointer))

    def _leave(self, pointer: str) -> None:
        if self._low[pointer] != self._index[pointer]:
            return
        while True:
            member = self._open.pop()
            self._circle_of[member] = self._index[pointer]
            if member == pointer:
                return
