"""Rejects outdated requests: keeps the highest token seen of each resource.

The agent checks every request. With a file, the tokens survive a restart; the file is a journal of
tokens that is rewritten when it has grown.
"""

import contextlib
import os
from collections import OrderedDict
from pathlib import Path

import msgspec

from atoll.domain.errors import Stale
from atoll.messages import Ask, Token

RESOURCES_MAX = 10_000
# The journal is rewritten when it has this many more lines than there are resources.
LINES_SPARE = 10_000


class Line(msgspec.Struct, frozen=True, array_like=True):
    resource_id: str
    token: Token


class TokenFile:
    """A file of tokens that survives the process, but not necessarily a crash of the machine: then
    no request in progress survives either."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._spare = LINES_SPARE

    def load(self) -> list[Line]:
        """Read the tokens. A truncated line, and all lines after it, are ignored."""
        lines: list[Line] = []
        with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
            for text in self._path.read_bytes().splitlines():
                lines.append(msgspec.json.decode(text, type=Line))
        return lines

    def add(self, line: Line, seen: OrderedDict[str, Token]) -> None:
        self._spare -= 1
        if self._spare < 0:
            self.replace(seen)
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            os.write(descriptor, msgspec.json.encode(line) + b"\n")
        finally:
            os.close(descriptor)

    def replace(self, seen: OrderedDict[str, Token]) -> None:
        """Rewrite the file with the present tokens only."""
        self._spare = LINES_SPARE
        fresh = self._path.with_suffix(".new")
        lines = [msgspec.json.encode(Line(*item)) + b"\n" for item in seen.items()]
        with open(fresh, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.writelines(lines)
        fresh.replace(self._path)


class Fence:
    """The tokens of one host. If there are more than `RESOURCES_MAX` resources, those with the
    oldest requests are forgotten."""

    def __init__(self, file: TokenFile | None = None, *, host_epoch: int = 0) -> None:
        self._file = file
        self._host_epoch = host_epoch
        self._seen: OrderedDict[str, Token] = OrderedDict()

    def open(self) -> None:
        """Read the tokens of an earlier process."""
        if self._file is None:
            return
        for line in self._file.load():
            self._note(line.resource_id, line.token)
        self._file.replace(self._seen)

    def admit(self, ask: Ask) -> None:
        """Raises Stale if a later request about the resource was seen, or the host was admitted
        again since."""
        if ask.host_epoch < self._host_epoch:
            raise Stale(f"this host was admitted again after request {ask.id} was sent")
        if ask.token is None:
            return
        seen = self._seen.get(ask.resource_id)
        if seen is not None and ask.token < seen:
            raise Stale(
                f"{ask.token.operation_id} was overtaken by {seen.operation_id} on "
                f"{ask.resource_id}",
                queued_at_ms=seen.queued_at_ms,
            )
        self._note(ask.resource_id, ask.token)
        if self._file is not None and (seen is None or claim_of(seen) < claim_of(ask.token)):
            token = msgspec.structs.replace(ask.token, ask=0)
            self._file.add(Line(ask.resource_id, token), self._seen)

    def _note(self, resource_id: str, token: Token) -> None:
        self._seen[resource_id] = token
        self._seen.move_to_end(resource_id)
        if len(self._seen) > RESOURCES_MAX:
            self._seen.popitem(last=False)


def claim_of(token: Token) -> tuple[int, str, int]:
    return token.queued_at_ms, token.operation_id, token.epoch
