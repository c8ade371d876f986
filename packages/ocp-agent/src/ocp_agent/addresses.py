"""Finds the paths at which the resource of a call can be read: created, changed or deleted.

The id decides: a resource with another id than the one in a path is never mistaken for it.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

from ocp_agent.requests import Request
from ocp_agent.shapes import SLOT
from ocp_agent.tools import OCPAPISpec, OCPTool


class Addresses:
    """Addresses for one call."""

    def __init__(self, spec: OCPAPISpec, tool: OCPTool, request: Request) -> None:
        self.spec, self.template = spec, plain_path(tool)
        self.path = filled_path(tool, request)
        self.base_url = request.url.partition("?")[0].rstrip("/").removesuffix(self.path)
        self.readable = {plain_path(one) for one in spec.tools if one.method == "GET"}

    def operation(self, operation_id: str, held_back_s: int) -> str | None:
        for tool in self.spec.tools:
            before, _, slot = plain_path(tool).rpartition("/")
            if tool.method == "GET" and SLOT.fullmatch(slot) and before.endswith("/operations"):
                url = f"{self.base_url}{before}/{quote(operation_id, safe='')}"
                can_hold = any(one.name == "wait" for one in tool.shape.parameters)
                return f"{url}?wait={held_back_s}" if can_hold else url
        return None

    def of(self, resource_id: str | None, data: Any) -> str | None:
        """Find the address of the resource with this id: below this path, in it, or of a kind that
        it names. Without an id, the resource in the path, unless the path is a list."""
        if resource_id is None:
            is_list = self.template in self.readable and self.own() is None
            return None if is_list else self.acted_on()
        slug = quote(resource_id, safe="")
        below = SLOT.sub("{}", self.template) + "/{}"
        if any(SLOT.sub("{}", one) == below for one in self.readable):
            return f"{self.base_url}{self.path}/{slug}"
        acted_on = self.acted_on()
        if acted_on is not None and unquote(acted_on.rpartition("/")[2]) == resource_id:
            return acted_on
        for collection in self.collections(data):
            for one in sorted(self.readable, key=len):
                before, _, slot = one.rpartition("/")
                is_plain = SLOT.fullmatch(slot) and not SLOT.search(before)
                if is_plain and before.rpartition("/")[2] == collection:
                    return f"{self.base_url}{before}/{slug}"
        return None

    def is_sure(self, url: str) -> bool:
        """Whether the path itself leads there, rather than an ambiguous word."""
        return url == self.acted_on() or url.startswith(f"{self.base_url}{self.path}/")

    def acted_on(self) -> str | None:
        """Address of the resource in the path, or of the nearest one above it."""
        path, template = self.path, self.template
        while template:
            if template in self.readable and SLOT.fullmatch(template.rpartition("/")[2]):
                return self.base_url + path
            path, template = path.rpartition("/")[0], template.rpartition("/")[0]
        return None

    def own(self) -> str | None:
        """Address of the resource in the path, not of one above it."""
        names_one = SLOT.fullmatch(self.template.rpartition("/")[2])
        is_readable = names_one and self.template in self.readable
        return self.base_url + self.path if is_readable else None

    def collections(self, data: Any) -> Iterator[str]:
        """Nouns of the new resource: the wrapper in the response, then the path segments."""
        if isinstance(data, dict) and len(data) == 1:
            (word,) = data
            yield from (word, f"{word}s", f"{word.removesuffix('y')}ies")
        for segment in reversed(self.template.split("/")):
            if segment and not SLOT.search(segment):
                yield segment


def filled_path(tool: OCPTool, request: Request) -> str:
    """Return the path of the tool as in the request: the same number of segments from the end."""
    path = request.url.partition("?")[0].rstrip("/")
    segments = plain_path(tool).strip("/").split("/")
    return "/" + "/".join(path.split("/")[-len(segments) :])


def plain_path(tool: OCPTool) -> str:
    """Return the path of the tool without query and fragment."""
    return tool.path.partition("#")[0].partition("?")[0]
