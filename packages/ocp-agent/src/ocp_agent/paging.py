"""Follows the pages of a list, within limits, and reports if there are more.

Supports Link headers, next URLs and cursors, sent in the query or the body, the id of the last
item, and page numbers or offsets. Never follows a link to another host. A list that says itself
that there is more is never reported as complete.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin

import msgspec
from msgspec.structs import replace

from ocp_agent.limits import Limits
from ocp_agent.numbered import Told, is_more_left, items_before, next_numbered, with_query
from ocp_agent.requests import Request
from ocp_agent.response import Pages, Response
from ocp_agent.rest import Rest, Where, list_in, plain, rest_of
from ocp_agent.shapes import FORM, Parameter, is_json, plain_type
from ocp_agent.tools import OCPTool
from ocp_agent.transport import origin_of

# Parameters for the cursor: the first one that the tool has, by their plain names.
CURSORS = ("cursor", "pagetoken", "nexttoken", "after", "pagecursor", "pageafter", "startcursor",
           "startingafter", "continuation", "continuationtoken", "continue", "marker",
           "startingtoken", "nextpagetoken", "nextcursor", "bookmark", "next", "offset",
           "page")  # fmt: skip
# What the parameter is called if the field of the page has another name than it.
NAMED_OTHERWISE = {"lastevaluatedkey": "exclusivestartkey", "endcursor": "after",
                   "nextstart": "start"}  # fmt: skip
LAST_ITEM = ("startingafter", "afterid", "after")  # parameters for the last item's id
NO_WAY_ON, CIRCLE = "no parameter for it", "a cursor that leads back"


class Page(msgspec.Struct, frozen=True):
    """One page, how it was asked for, and how far the list is with it."""

    request: Request
    response: Response
    tool: OCPTool
    items: list[Any]
    where: Where
    reached: int  # items of the list up to here

    @property
    def rest(self) -> Rest:
        return rest_of(self.response, self.where)

    @property
    def numbers(self) -> Any:
        """What the page says beside its list and around it, where it may have numbers."""
        data = self.response.data
        inner = data
        for key in self.where[:-1]:
            inner = inner.get(key) if isinstance(inner, dict) else None
        both = isinstance(inner, dict) and isinstance(data, dict)
        return {**data, **inner} if both else data


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
    reached = items_before(request, first.data, len(items)) + len(items)
    page = Page(request, first, tool, items, where, reached)
    count, seen, stopped_by = 1, {identity(request)}, ""
    while (onward := next_request(page)) is not None:
        stopped_by = limit_reached(count, len(items), pages, limits)
        if identity(onward) in seen:
            stopped_by = CIRCLE
        if stopped_by:
            break
        seen.add(identity(onward))
        answer = send(onward)
        if not answer.ok:
            stopped_by = f"status {answer.status_code}"
            break
        found = items_at(answer.data, where)
        page = Page(onward, answer, tool, found, where, page.reached + len(found))
        items, count = items + found, count + 1
    if onward is None and is_left(page):
        stopped_by = NO_WAY_ON
    report = Pages(count, len(items), has_more=bool(stopped_by), stopped_by=stopped_by)
    return page.response.with_data(with_items(page.response.data, where, items), pages=report)


def told(page: Page) -> Told:
    return Told(page.numbers, page.response.headers)


def identity(request: Request) -> tuple[str, bytes | None]:
    return request.url, request.content


def limit_reached(pages: int, items: int, wanted: int, limits: Limits) -> str:
    if pages >= min(wanted, limits.pages):
        return "pages"
    return "items" if items >= limits.items else ""


def next_request(page: Page) -> Request | None:
    """Build the request of the next page; None if there is none, or no way to ask for it."""
    rest, request = page.rest, page.request
    if rest.has_more is False:
        return None
    if rest.cursor is not None:
        if rest.address is not None:
            return at_url(request, rest.address)
        return with_cursor(page, names_for(rest), rest.cursor)
    if not page.items:
        return None
    if rest.has_more:
        last = page.items[-1]
        last_id = last.get("id") if isinstance(last, Mapping) else None
        by_id = with_cursor(page, LAST_ITEM, last_id) if last_id else None
        return by_id or next_numbered(request, told(page), page.tool, page.reached, is_sure=True)
    if rest.tells_next:
        return None
    return next_numbered(request, told(page), page.tool, page.reached)


def is_left(page: Page) -> bool:
    """Whether the page indicates more, if no next request can be built."""
    rest = page.rest
    if rest.has_more is not None or rest.cursor is not None:
        return rest.has_more is not False
    is_counted = bool(page.items) and not rest.tells_next
    return is_counted and is_more_left(page.request, told(page), page.tool, page.reached)


def names_for(rest: Rest) -> Iterator[str]:
    """Return names of parameters for a cursor: like its field, else the usual ones."""
    yield NAMED_OTHERWISE.get(rest.name, rest.name.removeprefix("next") or rest.name)
    yield rest.name
    yield from CURSORS


def with_cursor(page: Page, names: Any, cursor: Any) -> Request | None:
    """Send the cursor as the tool takes it: in the query, or in the body."""
    known: dict[str, Parameter] = {}
    for location in ("body", "query"):
        for one in page.tool.shape.parameters:
            if one.location == location:
                known[plain(one.name)] = one
    parameter = next((known[name] for name in names if name in known), None)
    if parameter is None:
        return None
    if parameter.location == "query":
        is_plain = isinstance(cursor, str | int)
        return with_query(page.request, parameter.name, cursor) if is_plain else None
    return with_field(page.request, parameter.name, cursor)


def with_field(request: Request, name: str, cursor: Any) -> Request | None:
    """Set a field of the body, which is JSON or a form."""
    body = request.body if request.body is not None else {}
    said = {key.lower(): one for key, one in request.headers.items()}.get("content-type", "")
    if not isinstance(body, Mapping) or request.files is not None:
        return None
    whole = {**body, name: cursor}
    if plain_type(said) == FORM:
        pairs = parse_qsl((request.content or b"").decode(), keep_blank_values=True)
        pairs = [pair for pair in pairs if pair[0] != name] + [(name, str(cursor))]
        return replace(request, body=whole, content=urlencode(pairs, quote_via=quote).encode())
    if said and not is_json(said):
        return None
    content = msgspec.json.encode(whole)
    return replace(request, body=whole, content=content).with_headers(
        {"Content-Type": said or "application/json"}
    )


def at_url(request: Request, url: str) -> Request | None:
    whole = urljoin(request.url, url)
    return replace(request, url=whole) if origin_of(whole) == origin_of(request.url) else None


def items_at(data: Any, where: Where) -> list[Any]:
    for key in where:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, list) else []


def with_items(data: Any, where: Where, items: list[Any]) -> Any:
    if not where:
        return items
    inner = data.get(where[0]) if isinstance(data, dict) else None
    return {
        **(data if isinstance(data, dict) else {}),
        where[0]: with_items(inner, where[1:], items),
    }
