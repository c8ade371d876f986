"""Follows the pages of a list, within limits, and reports if there are more.

Supports Link headers, next URLs and cursors in the body, under the usual names, and otherwise page
numbers with a total. Never follows a link to another host.
"""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

from msgspec.structs import replace

from ocp_agent.limits import Limits
from ocp_agent.numbered import (
    is_more_left,
    items_before,
    next_numbered,
    queries_of,
    with_query,
)
from ocp_agent.raw import value_at
from ocp_agent.requests import Request
from ocp_agent.response import Pages, Response
from ocp_agent.tools import OCPTool
from ocp_agent.transport import origin_of

LINK = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')
# Fields of a response with the cursor or URL of the next page.
NEXT = (
    ("meta", "links", "next"), ("links", "next"), ("_links", "next", "href"), ("next",),
    ("next_cursor",), ("nextCursor",), ("next_page_token",), ("nextPageToken",), ("next_token",),
    ("nextToken",), ("cursor",), ("meta", "next_cursor"), ("meta", "cursor", "next"),
    ("pagination", "next"), ("pagination", "next_cursor"), ("paging", "next"), ("next_url",),
    ("response_metadata", "next_cursor"), ("@odata.nextLink",), ("nextLink",),
)  # fmt: skip
# Parameters for the cursor: the first one that the tool has.
CURSORS = ("cursor", "page_token", "pageToken", "next_token", "nextToken", "after", "page[cursor]",
           "page[after]", "starting_after", "continuation", "continuation_token", "marker",
           "next", "offset", "page")  # fmt: skip
NO_WAY_ON = "no parameter for it"


def followed(
    first: Response, request: Request, tool: OCPTool, pages: int, limits: Limits,
    send: Callable[[Request], Response],
) -> Response:  # fmt: skip
    """Return the last page with the items of all pages, so that its cursor continues the list;
    unchanged if it has no list."""
    where = list_in(first.data)
    if where is None or not first.ok:
        return first
    items = list(items_at(first.data, where))
    before = items_before(request, first.data, len(items))
    last, count, fresh, seen, stopped_by = first, 1, len(items), {request.url}, ""
    while (onward := next_request(request, last, tool, before + len(items), fresh)) is not None:
        if onward.url in seen:
            break
        stopped_by = limit_reached(count, len(items), pages, limits)
        if stopped_by:
            break
        seen.add(onward.url)
        answer = send(onward)
        if not answer.ok:
            stopped_by = f"status {answer.status_code}"
            break
        request, last, count = onward, answer, count + 1
        found = items_at(last.data, where)
        items, fresh = items + found, len(found)
    if onward is None and is_left(request, last, tool, before + len(items), fresh):
        stopped_by = NO_WAY_ON
    report = Pages(count, len(items), has_more=bool(stopped_by), stopped_by=stopped_by)
    return last.with_data(with_items(last.data, where, items), pages=report)


def limit_reached(pages: int, items: int, wanted: int, limits: Limits) -> str:
    if pages >= min(wanted, limits.pages):
        return "pages"
    return "items" if items >= limits.items else ""


def next_request(
    request: Request, response: Response, tool: OCPTool, reached: int, fresh: int
) -> Request | None:
    """Build the request of the next page, after `fresh` items here and `reached` in all."""
    if found := LINK.search(response.headers.get("link", "")):
        return at_url(request, found[1])
    cursor = cursor_in(response.data)
    if cursor is None:
        is_numbered = fresh and not tells_next(response)
        return next_numbered(request, response.data, tool, reached) if is_numbered else None
    if isinstance(cursor, str) and (cursor.startswith("/") or "://" in cursor):
        return at_url(request, cursor)
    queries = queries_of(tool)
    name = next((one for one in CURSORS if one in queries), None)
    return None if name is None else with_query(request, name, cursor)


def is_left(request: Request, response: Response, tool: OCPTool, reached: int, fresh: int) -> bool:
    """Whether the response indicates more pages, if no next request can be built."""
    if LINK.search(response.headers.get("link", "")) or cursor_in(response.data) is not None:
        return True
    is_counted = bool(fresh) and not tells_next(response)
    return is_counted and is_more_left(request, response.data, tool, reached)


def cursor_in(data: Any) -> str | int | None:
    cursor = next((one for path in NEXT if (one := value_at(data, path))), None)
    is_one = isinstance(cursor, str | int) and not isinstance(cursor, bool)
    return cursor if is_one else None


def tells_next(response: Response) -> bool:
    """Whether the response has a cursor field, even if empty: then a total is ignored."""
    if "link" in response.headers:
        return True
    return any(
        isinstance(holder := value_at(response.data, path[:-1]), dict) and path[-1] in holder
        for path in NEXT
    )


def at_url(request: Request, url: str) -> Request | None:
    whole = urljoin(request.url, url)
    return replace(request, url=whole) if origin_of(whole) == origin_of(request.url) else None


def list_in(data: Any) -> str | None:
    """Return the key of the list in a response; "" if it is a list; None without one."""
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
