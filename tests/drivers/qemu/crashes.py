"""The death of our process between any two things that it does to a disk."""

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from atoll.drivers.qemu import layers, merge

CHANGES = ("make_empty", "write_atomically", "sync", "delete_folder")


class Crash(BaseException):
    """Our process dies here."""


crashing: ContextVar["CrashAt"] = ContextVar("crashing")


class CrashAt:
    """Dies before, or after, the n-th of the things that change what is on the disk.

    Counts only the changes that the test itself causes. Tasks of the driver that were started
    earlier, such as a merge in the background, run in a context of their own and go on.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, *, after: bool) -> None:
        self.reached = False
        self._patch = monkeypatch
        self._left = number
        self._after = after
        crashing.set(self)
        for name in CHANGES:
            self.around(layers, name)
        for name in ("run_qemu_img", "sync"):
            self.around(merge, name)

    def around(self, place: Any, name: str) -> None:
        """This, too, is such a thing."""
        function = getattr(place, name)
        wrap = self._awaiting if inspect.iscoroutinefunction(function) else self._calling
        self._patch.setattr(place, name, wrap(function))

    def aim(self, number: int) -> None:
        self._left = number

    def _calling(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **words: Any) -> Any:
            dies = self._count()
            answer = function(*arguments, **words)
            if dies:
                raise Crash
            return answer

        return call

    def _awaiting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*arguments: Any, **words: Any) -> Any:
            dies = self._count()
            answer = await function(*arguments, **words)
            if dies:
                raise Crash
            return answer

        return call

    def _count(self) -> bool:
        """Whether it dies after this one."""
        if crashing.get(None) is not self:
            return False
        self._left -= 1
        dies = self._left == 0
        self.reached |= dies
        if dies and not self._after:
            raise Crash
        return dies
