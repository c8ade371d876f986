"""Builds a request as its tool describes it: path, query, headers, cookies, body.

Pure: nothing is sent here. The result is a value that a dry run shows and the transport sends.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec.structs import replace

from ocp_agent.arguments import Arguments
from ocp_agent.contents import content_of_body
from ocp_agent.redaction import HIDDEN, is_secret, redacted, redacted_text
from ocp_agent.shapes import SLOT, Body, Parameter, slot_name
from ocp_agent.styles import Pairs, header_text, pairs_of, path_value, unchanged
from ocp_agent.tools import OCPTool


def combined(headers: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Merge headers; later ones take precedence, ignoring case."""
    named = {name.lower() for name in more}
    return {**{name: one for name, one in headers.items() if name.lower() not in named}, **more}


class Request(msgspec.Struct, frozen=True):
    method: str
    url: str
    headers: dict[str, str] = {}
    body: Any = None  # as given, for display
    content: bytes | None = None
    files: list[tuple[str, Any]] | None = None  # then the content is built when it is sent

    def with_headers(self, more: Mapping[str, str]) -> "Request":
        return replace(self, headers=combined(self.headers, more)) if more else self

    def with_query(self, pairs: Pairs) -> "Request":
        if not pairs:
            return self
        joint = "&" if "?" in self.url else "?"
        return replace(self, url=f"{self.url}{joint}{urlencode(pairs, quote_via=quote, safe='')}")

    def shown(self, secret_headers: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Describe the request without secrets, for a dry run."""
        headers = {
            name: HIDDEN if name.lower() in secret_headers or is_secret(name) else value
            for name, value in self.headers.items()
        }
        body = self.body if self.files is None else sorted({name for name, _ in self.files})
        url = redacted_text(self.url)
        return {"method": self.method, "url": url, "headers": headers, "body": redacted(body)}


def written(tool: OCPTool, arguments: Arguments, base_url: str) -> Request:
    filled: dict[str, str] = {}
    query: list[str] = []
    headers = {"Accept": tool.shape.accept} if tool.shape.accept else {}
    cookies: Pairs = []
    for location, values in arguments.places.items():
        for name, value in values.items():
            one = tool.by_place.get((location, name)) or unknown(name, location)
            if location == "path":
                filled[name] = path_value(one, value)
            elif location == "query":
                query += [f"{key}={text}" for key, text in pairs_of(one, value)]
            elif location == "header":
                headers[name] = header_value(header_text(one, value))
            elif location == "cookie":
                cookies += cookie_pairs(one, value)
            else:
                query.append(value if isinstance(value, str) else urlencode(value, doseq=True))
    if cookies:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies)
    request = Request(tool.method, address(base_url, tool.path, filled, query), headers)
    body = tool.shape.body
    return request if body is None else with_body(request, body, arguments.body)


def unknown(name: str, location: str) -> Parameter:
    """Return a parameter that the document does not have, for calls without a check."""
    return Parameter(name, name, location, explode=True)


def address(
    base_url: str, template: str, filled: Mapping[str, str], further: Sequence[str] = ()
) -> str:
    """Join the address of an API and a path. Both may have a query; a fragment is never sent."""
    path, query = joined(base_url, template)
    if filled:
        path = SLOT.sub(lambda found: filled[slot_name(found[1])], path)
        query = SLOT.sub(lambda found: filled[slot_name(found[1])], query) if query else query
    whole = "&".join([query, *further] if query else further)
    return f"{path}?{whole}" if whole else path


@lru_cache(maxsize=256)
def joined(base_url: str, template: str) -> tuple[str, str]:
    """Join both, with the slots of the path, into a path and a query."""
    root, _, ours = base_url.partition("#")[0].partition("?")
    path, _, theirs = template.partition("#")[0].partition("?")
    return f"{root.rstrip('/')}/{path.removeprefix('/')}", "&".join(filter(None, (ours, theirs)))


def cookie_pairs(parameter: Parameter, value: Any) -> Pairs:
    return pairs_of(parameter, value, unchanged if parameter.style == "cookie" else None)


def header_value(text: str) -> str:
    """Encode as one line of ASCII, with percent-encoding."""
    return quote(" ".join(text.splitlines()), safe=PRINTABLE, errors="replace")


PRINTABLE = "".join(map(chr, range(32, 127)))


def with_body(request: Request, body: Body, given: Mapping[str, Any]) -> Request:
    if not given and (not body.required or body.is_alone):
        return request
    content = content_of_body(body, given)
    if content.files is not None:
        return replace(request, body=content.shown, files=content.files)
    said = {"Content-Type": content.media_type}
    return replace(request, body=content.shown, content=content.data).with_headers(said)
