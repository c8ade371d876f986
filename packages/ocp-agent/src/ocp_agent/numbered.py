"""Lists with page numbers or offsets, and a total instead of a cursor."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from msgspec.structs import replace

from ocp_agent.raw import value_at
from ocp_agent.requests import Request
from ocp_agent.tools import OCPTool

# Where a response has its numbers; () means beside the list.
PLACES = (("pagination",), ("meta", "pagination"), ("meta",), ("paging",), ("page",),
          ("result_info",), ())  # fmt: skip
TOTALS = ("total_count", "totalCount", "total_entries", "total_items", "totalItems",
          "total_results", "totalResults", "totalSize", "total_size", "totalElements",
          "@odata.count", "total")  # fmt: skip
TOTAL_HEADERS = ("x-total-count", "x-total")
PAGES = ("total_pages", "totalPages", "page_count", "last_page")
NUMBERS = ("page", "number", "current_page", "currentPage", "page_number", "pageNumber")
SIZES = ("per_page", "perPage", "page_size", "pageSize", "limit")
AMBIGUOUS = ("total",)
BY_NUMBER = ("page", "page_number", "pageNumber")
BY_OFFSET = ("offset", "skip")


class Told(NamedTuple):
    """What a page says of its place: beside its list, and in its headers."""

    data: Any
    headers: Mapping[str, str]


def number_in(data: Any, names: tuple[str, ...]) -> int | None:
    for place in PLACES:
        for name in names:
            if (*place, name) == AMBIGUOUS:
                continue
            found = value_at(data, (*place, name))
            if isinstance(found, int) and not isinstance(found, bool) and found >= 0:
                return found
    return None


def queries_of(tool: OCPTool) -> set[str]:
    return {one.name for one in tool.shape.parameters if one.location == "query"}


def asked(request: Request, names: tuple[str, ...]) -> int | None:
    """Return the number of the request under one of the names."""
    for name, value in parse_qsl(urlsplit(request.url).query):
        if name in names and value.isdecimal():
            return int(value)
    return None


def page_of(request: Request, data: Any) -> int:
    for found in (number_in(data, NUMBERS), asked(request, BY_NUMBER)):
        if found is not None:
            return found
    return 1


def items_before(request: Request, data: Any, count: int) -> int:
    """Count the items before the requested page."""
    size = number_in(data, SIZES) or asked(request, SIZES) or count
    return asked(request, BY_OFFSET) or max(page_of(request, data) - 1, 0) * size


def is_more_left(request: Request, told: Told, tool: OCPTool, reached: int) -> bool:
    data = told.data
    total, pages = number_in(data, TOTALS), number_in(data, PAGES)
    if total is None and not queries_of(tool).isdisjoint((*BY_NUMBER, *BY_OFFSET, *SIZES)):
        total = number_in({"meta": data}, ("total",))  # otherwise it may be an amount of money
    if total is None:
        said = (told.headers.get(name, "") for name in TOTAL_HEADERS)
        total = next((int(one) for one in said if one.isdecimal()), None)
    if total is not None:
        return reached < total
    return pages is not None and page_of(request, data) < pages


def next_numbered(
    request: Request, told: Told, tool: OCPTool, reached: int, *, is_sure: bool = False
) -> Request | None:
    """Return the next page; None if there is none, or the tool has no such parameter. `is_sure`:
    the page says that there is one."""
    if not is_sure and not is_more_left(request, told, tool, reached):
        return None
    queries = queries_of(tool)
    for name in BY_NUMBER:
        if name in queries:
            return with_query(request, name, page_of(request, told.data) + 1)
    name_or_none = next((one for one in BY_OFFSET if one in queries), None)
    return None if name_or_none is None else with_query(request, name_or_none, reached)


def with_query(request: Request, name: str, value: str | int) -> Request:
    parts = urlsplit(request.url)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != name]
    query.append((name, str(value)))
    return replace(
        request, url=urlunsplit(parts._replace(query=urlencode(query, quote_via=quote, safe="")))
    )
