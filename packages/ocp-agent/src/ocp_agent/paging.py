"""Follows a list from page to page, within bounds, and says what it left.

Knows a Link header, a next URL and a cursor in the body under the names that APIs use. Never goes
to another host.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from msgspec.structs import replace

from ocp_agent.limits import Limits
from ocp_agent.requests import Request
from ocp_agent.response import Pages, Response
from ocp_agent.tools import OCPTool
from ocp_agent.transport import origin_of

LINK = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')
# Where the next page's cursor or URL stands in an answer.
NEXT = (
    ("meta", "links", "next"), ("links", "next"), ("_links", "next", "href"), ("next",),
    ("next_cursor",), ("nextCursor",), ("next_page_token",), ("nextPageToken",), ("next_token",),
    ("nextToken",), ("cursor",), ("meta", "next_cursor"), ("meta", "cursor", "next"),
    ("pagination", "next"), ("pagination", "next_cursor"), ("paging", "next"), ("next_url",),
    ("response_metadata", "next_cursor"), ("@odata.nextLink",), ("nextLink",),
)  # fmt: skip
# Which parameter takes it, the first that the tool has.
CURSORS = ("cursor", "page_token", "pageToken", "next_token", "nextToken", "after", "page[cursor]",
           "page[after]", "starting_after", "continuation", "continuation_token", "marker",
           "next", "offset", "page")  # fmt: skip


def followed(
    first: Response, request: Request, tool: OCPTool, pages: int, limits: Limits,
    send: Callable[[Request], Response],
) -> Response:  # fmt: skip
    """The last page with the items of all in its list, so that its cursor is where to go on; as it
    is if it holds no list."""
    where = list_in(first.data)
    if where is None or not first.ok:
        return first
    items = list(items_at(first.data, where))
    last, count, seen, stopped_by = first, 1, {request.url}, ""
    while (request_or_none := next_request(request, last, tool)) is not None:
        request = request_or_none
        if request.url in seen:
            break
        stopped_by = limit_reached(count, len(items), pages, limits)
        if stopped_by:
            break
        seen.add(request.url)
        answer = send(request)
        if not answer.ok:
            stopped_by = f"status {answer.status_code}"
            break
        last, count = answer, count + 1
        items += items_at(last.data, where)
    report = Pages(count, len(items), has_more=bool(stopped_by), stopped_by=stopped_by)
    return last.with_data(with_items(last.data, where, items), pages=report)


def limit_reached(pages: int, items: int, wanted: int, limits: Limits) -> str:
    if pages >= min(wanted, limits.pages):
        return "pages"
    return "items" if items >= limits.items else ""


def next_request(request: Request, response: Response, tool: OCPTool) -> Request | None:
    if found := LINK.search(response.headers.get("link", "")):
        return at_url(request, found[1])
    cursor = next((one for path in NEXT if (one := value_at(response.data, path))), None)
    if not isinstance(cursor, str | int) or isinstance(cursor, bool):
        return None
    if isinstance(cursor, str) and (cursor.startswith("/") or "://" in cursor):
        return at_url(request, cursor)
    queries = {one.name for one in tool.shape.parameters if one.location == "query"}
    name = next((one for one in CURSORS if one in queries), None)
    if name is None:
        return None
    parts = urlsplit(request.url)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != name]
    query.append((name, str(cursor)))
    return replace(request, url=urlunsplit(parts._replace(query=urlencode(query))))


def at_url(request: Request, url: str) -> Request | None:
    whole = urljoin(request.url, url)
    return replace(request, url=whole) if origin_of(whole) == origin_of(request.url) else None


def value_at(data: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def list_in(data: Any) -> str | None:
    """The key of the list that an answer holds; "" where it is one; None where there is none."""
    if isinstance(data, list):
        return ""
    if not isinstance(data, dict):
        return None
    lists = [key for key, value in data.items() if isinstance(value, list)]
    usual = [key for key in ("items", "data", "results", "value", "entries") if key in lists]
    return next(iter([*usual, *lists]), None)


def items_at(data: Any, where: str) -> list[Any]:
    found = data.get(where) if where and isinstance(data, dict) else data
    return found if isinstance(found, list) else []


def with_items(data: Any, where: str, items: list[Any]) -> Any:
    return {**data, where: items} if where else items
