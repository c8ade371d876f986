"""A response, with the interface known from requests, and the history of its call.

A value: it stays valid after the connection is closed, and awaits to itself.
"""

import codecs
import json
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
CHARSET = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
XML_ENCODING = re.compile(rb"<\?xml[^>]{0,99}encoding=[\"']([\w.:-]+)")
MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"),
         (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF16_LE, "utf-16-le"),
         (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip


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
        """The encoding of the text: by its byte order mark, its header, or its XML declaration."""
        for mark, encoding in MARKS:
            if self.content.startswith(mark):
                return encoding
        said = self.headers.get("content-type", "")
        if found := CHARSET.search(said):
            return found[1]
        declared = XML_ENCODING.match(self.content) if "xml" in said.lower() else None
        return declared[1].decode() if declared else "utf-8"

    @cached_property
    def text(self) -> str:
        try:
            text = self.content.decode(self.encoding, "replace")
        except LookupError:  # unknown encoding
            text = self.content.decode("utf-8", "replace")
        return text.removeprefix("\ufeff")

    def json(self) -> Any:
        """Parse the JSON body. Raises ValueError if it is not JSON, as in requests."""
        try:
            return msgspec.json.decode(self.content)
        except ValueError:  # another encoding, or NaN, or a letter cut in two
            return json.loads(self.text_of_json)

    @property
    def text_of_json(self) -> str:
        is_marked = any(self.content.startswith(mark) for mark, _ in MARKS)
        if is_marked or "charset" in self.headers.get("content-type", "").lower():
            return self.text
        return self.content.decode(json.detect_encoding(self.content), "replace")

    @cached_property
    def data(self) -> Any:
        """Return decoded JSON, other text unchanged, or None if empty."""
        if not self.content:
            return None
        try:
            return self.json()
        except (ValueError, RecursionError):
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
