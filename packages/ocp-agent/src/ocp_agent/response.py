"""A response, with the interface known from requests, and the history of its call.

A value: it stays valid after the connection is closed, and awaits to itself.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec
from msgspec.structs import replace

from ocp_agent.briefs import brief_of
from ocp_agent.errors import OCPError
from ocp_agent.pending import Awaitable

PAGE_OF_TEXT = 4_000
CHARSET = re.compile(r"charset=\"?([\w.:-]+)")


class HTTPStatusError(OCPError):
    """Raised only by `raise_for_status`."""

    def __init__(self, response: "Response") -> None:
        self.response = response
        super().__init__(f"{response.status_code} {response.reason}: {response.text[:200]}".strip())


class Pages(msgspec.Struct, frozen=True):
    """The pages that were followed."""

    pages: int
    items: int
    has_more: bool
    stopped_by: str = ""  # the limit that ended it, or that there is no next request


class Waited(msgspec.Struct, frozen=True):
    """The result of waiting for an operation."""

    is_done: bool
    succeeded: bool
    state: str
    polls: int
    seconds: float


class CaseInsensitive(dict[str, str]):
    """Headers, case-insensitive."""

    def __init__(self, items: Mapping[str, str] | None = None) -> None:
        super().__init__({name.lower(): value for name, value in (items or {}).items()})

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


class Response(Awaitable, msgspec.Struct, frozen=True, eq=False, dict=True):
    status_code: int
    headers: CaseInsensitive
    content: bytes
    url: str = ""
    reason: str = ""
    method: str = ""
    elapsed_s: float = 0.0
    attempts: int = 1
    is_dry_run: bool = False
    pages: Pages | None = None
    waited: Waited | None = None
    first: "Response | None" = None  # before waiting

    @property
    def ok(self) -> bool:
        return self.status_code < 400

    def __bool__(self) -> bool:
        return self.ok

    @property
    def encoding(self) -> str:
        found = CHARSET.search(self.headers.get("content-type", ""))
        return found[1] if found else "utf-8"

    @cached_property
    def text(self) -> str:
        try:
            return self.content.decode(self.encoding, "replace")
        except LookupError:  # unknown encoding
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Parse the JSON body. Raises ValueError if it is not JSON, as in requests."""
        return msgspec.json.decode(self.content)

    @cached_property
    def data(self) -> Any:
        """Return decoded JSON, other text unchanged, or None if empty."""
        if not self.content:
            return None
        try:
            return self.json()
        except msgspec.DecodeError:
            return self.text

    def brief(self, characters: int = PAGE_OF_TEXT, *, redact: bool = True) -> str:
        """Summarize for a model: within a budget, without secrets, noting omissions."""
        return brief_of(self.data, characters, redact=redact)

    def raise_for_status(self) -> None:
        if not self.ok:
            raise HTTPStatusError(self)

    def with_data(self, data: Any, **changes: Any) -> "Response":
        return replace(self, content=msgspec.json.encode(data), **changes)

    def __repr__(self) -> str:
        return f"<Response [{self.status_code}]>"
