"""Reads from a page of a list whether there is more of it, and where.

APIs write the same in many ways: `has_more`, `IsTruncated`, `nextPageToken`, `metadata.continue`,
`@odata.nextLink`, a Link header. Names are compared without case and separators, at the places that
APIs have for them. Used by `paging`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ocp_agent.response import Response

# Objects beside a list, or around it, that tell of its pages.
AROUND = {"meta", "metadata", "pagination", "paginginfo", "paging", "pageinfo", "page", "pages",
          "links", "cursor", "cursors", "responsemetadata", "resultinfo", "paginationinfo",
          "paginator", "pager", "listinfo", "searchinfo"}  # fmt: skip
WRAPPERS = ("data", "result", "results", "response", "embedded", "payload", "d", "body")
DEEPEST = 3
# Cursors or addresses of the next page, the surest first.
NEXT = ("next", "nexturl", "nextlink", "odatanextlink", "nextpageurl", "nextpageuri", "nexthref",
        "nextrecordsurl", "nextcursor", "nextpagetoken", "nexttoken", "nextcontinuationtoken",
        "continuationtoken", "continuation", "continue", "nextmarker", "nextpagecursor", "nextkey",
        "nextkeymarker", "nextid", "nextoffset", "nextstart", "nextpage", "lastevaluatedkey",
        "endcursor", "aftercursor", "afterurl", "bookmark", "resumptiontoken",
        "cursor")  # fmt: skip
ADDRESSES = {"nexturl", "nextlink", "odatanextlink", "nextpageurl", "nextpageuri", "nexthref",
             "nextrecordsurl", "afterurl"}  # fmt: skip
WITHIN_NEXT = ("href", "url", "link", "after", "cursor", "token", "page", "offset")
MARKER = "marker"  # a cursor only beside a flag: else it repeats that of the request
FLAG = re.compile(
    r"has(more|next|additional)[a-z]*|more|more(items|data|results|records|pages|available)"
    r"|more[a-z]*available|(is|list|result|results|response)?truncated|incompleteresults"
)
FLAGS_OF_THE_LAST = {"last", "islast", "islastpage", "lastpage", "endofrecords", "endofstream",
                     "endoflist", "nomore", "nomoreitems"}  # fmt: skip
LEFT = {"remainingitemcount", "remainingcount", "remainingitems"}
LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[^,;="]+(?:=(?:"[^"]*"|[^,;]*))?)*)')
RELATION = re.compile(r""";\s*rel\s*=\s*["']?([^"';]*)""", re.IGNORECASE)
SEPARATORS = re.compile(r"[^a-z0-9]")
HEADERS = {"x-next-page": "nextpage", "x-next-cursor": "nextcursor", "x-next-token": "nexttoken",
           "x-ms-continuation": "continuation", "x-continuation-token": "continuation"}  # fmt: skip
Where = tuple[str, ...]


class Rest(msgspec.Struct, frozen=True):
    """What a page says about the pages after it."""

    cursor: Any = None
    name: str = ""  # plain name of the field of the cursor
    has_more: bool | None = None  # if the page says so
    tells_next: bool = False  # it has such a field, even if it is empty

    @property
    def address(self) -> str | None:
        """The cursor, if it is an address: as it looks, or as its field is called."""
        text = self.cursor if isinstance(self.cursor, str) else ""
        looks_so = text.startswith(("/", "?")) or "://" in text
        return text if text and (looks_so or self.name in ADDRESSES) else None


def plain(name: str) -> str:
    return SEPARATORS.sub("", name.lower())


def list_in(data: Any, depth: int = 0) -> Where | None:
    """Return where the list of a page is; () if it is the page itself, None without one."""
    if isinstance(data, list):
        return ()
    if not isinstance(data, dict) or depth > DEEPEST:
        return None
    lists = [key for key, value in data.items() if isinstance(value, list)]
    usual = [key for key in ("items", "data", "results", "value", "entries") if key in lists]
    if lists:
        return ([*usual, *lists][0],)
    objects = {key: one for key, one in data.items() if isinstance(one, dict)}
    wrappers = [key for word in WRAPPERS for key in objects if plain(key) == word]
    if not wrappers and len(objects) == 1 and len(data) == 1:
        wrappers = list(objects)
    for key in wrappers:
        found = list_in(objects[key], depth + 1)
        if found:
            return key, *found
    return None


def told_in(data: Any, where: Where) -> Iterator[tuple[str, Any]]:
    """Return the fields beside the list and around it, with plain names."""
    holders = [data]
    for key in where[:-1]:
        data = data.get(key) if isinstance(data, Mapping) else None  # a later page may differ
        holders.append(data)
    for holder in holders:
        if isinstance(holder, Mapping):
            yield from fields_of(holder, 0)


def fields_of(holder: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    for key, value in holder.items():
        name = plain(key)
        yield name, value
        if isinstance(value, Mapping) and name in AROUND and depth < DEEPEST:
            yield from fields_of(value, depth + 1)


def rest_of(response: Response, where: Where) -> Rest:
    linked = next_link(response.headers.get("link", ""))
    if linked:
        return Rest(linked, "next", has_more=True, tells_next=True)
    fields: dict[str, list[Any]] = {}
    for name, value in told_in(response.data, where):
        fields.setdefault(name, []).append(value)
    has_more = flag_in(fields)
    tells_next = "link" in response.headers or not fields.keys().isdisjoint(NEXT)
    names = (*NEXT, MARKER) if has_more else NEXT
    for name in names:
        for value in fields.get(name, ()):
            cursor = cursor_of(value)
            if cursor is not None and not (isinstance(value, Mapping) and name in AROUND):
                return Rest(cursor, name, has_more, tells_next)
    for header, name in HEADERS.items():
        if header in response.headers:
            said = response.headers[header].strip() or None
            return Rest(said, name, has_more, tells_next=True)
    return Rest(None, "", has_more, tells_next)


def flag_in(fields: Mapping[str, list[Any]]) -> bool | None:
    """Whether the page says that there is more; if one of its fields does, there is."""
    flags = [name for name in fields if FLAG.fullmatch(name)]
    said = [is_true(one) for name in flags for one in fields[name]]
    said += [
        not one
        for name in FLAGS_OF_THE_LAST
        for one in fields.get(name, ())
        if isinstance(one, bool)
    ]
    said += [
        one > 0
        for name in LEFT
        for one in fields.get(name, ())
        if isinstance(one, int) and not isinstance(one, bool)
    ]
    known = [one for one in said if one is not None]
    return any(known) if known else None


def is_true(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


def cursor_of(value: Any) -> Any:
    """Return a text or number that is not empty, also within an object such as `next.href`."""
    if isinstance(value, Mapping):
        inner = {plain(key): one for key, one in value.items()}
        found = next((inner[name] for name in WITHIN_NEXT if inner.get(name)), None)
        if found is None and inner.keys().isdisjoint(WITHIN_NEXT):
            return dict(value) or None  # DynamoDB's is an object
        return cursor_of(found)
    is_one = isinstance(value, str | int) and not isinstance(value, bool)
    return value if is_one and value not in {"", 0} else None


def next_link(header: str) -> str | None:
    """Return the target of the relation `next` in a Link header."""
    for target, parameters in LINK.findall(header):
        relation = RELATION.search(parameters)
        if relation is not None and "next" in relation[1].lower().split():
            return str(target)
    return None
