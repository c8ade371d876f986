"""`/registry` and `/search`: the APIs, and the tools of each. No key is needed.

The responses are those that clients of the Open Context Protocol's registry read.
"""

from collections.abc import Mapping, Sequence
from pkgutil import resolve_name
from typing import Any

import msgspec
from litestar import Controller, Litestar, Response, get
from litestar.exceptions import HTTPException
from litestar.params import FromPath, FromQuery

from atoll.api import serving
from atoll.api.http import Call, Face, Plain, json_response, origin_of
from atoll.api.problems import Problem
from atoll.api.registry import pages
from atoll.api.registry.index import ApiIndex, Entry, Own
from atoll.api.serving import encode, view_of
from atoll.domain.errors import AtollError, Invalid, NotFound, StoreUnavailable
from atoll.service.bundle import Services

PREFIXES = ("/registry", "/search")
PER_PAGE_MAX, TOOLS_SHOWN = 100, 10
MARKDOWN, HTML = "text/markdown", "text/html"


class ErrorBody(msgspec.Struct, kw_only=True):
    error: str


class Listed(msgspec.Struct, kw_only=True):
    """`versions` are the numbers that `?version=` accepts."""

    name: str
    display_name: str
    category: str
    version: str
    versions: Sequence[int]


class Result(msgspec.Struct, kw_only=True):
    """`tools` are the names of the matching tools, the best first."""

    name: str
    display_name: str
    tools: list[str]


class Results(msgspec.Struct, kw_only=True):
    results: list[Result]


def index_of(request: Call) -> ApiIndex:
    index: ApiIndex = request.app.state.index
    return index


def listed(entry: Entry) -> Listed:
    return Listed(
        name=entry.name, display_name=entry.display_name, category=entry.category,
        version=entry.version, versions=entry.numbers,
    )  # fmt: skip


async def found(request: Call, words: str) -> list[Result]:
    """An API whose name matches comes before one that only has matching tools."""
    view, index = view_of(request), index_of(request)
    search = resolve_name("ocp_agent.search:search")
    ranked: list[tuple[bool, int, Result]] = []
    for entry in await index.entries(view):
        spec = await index.spec(view, entry)
        tools = search(spec.tools, words) if words else []
        named = words.lower() in f"{entry.name} {entry.display_name}".lower()
        if tools or named:
            names = [tool.name for tool in tools[:TOOLS_SHOWN]]
            shown = Result(name=entry.name, display_name=entry.display_name, tools=names)
            ranked.append((not named, -len(tools), shown))
    return [one for *_, one in sorted(ranked, key=lambda row: row[:2])]


async def tool_named(request: Call, name: str, tool: str) -> Any:
    view, index = view_of(request), index_of(request)
    spec = await index.spec(view, await index.entry(view, name))
    for one in spec.tools:
        if one.name.lower() == tool.lower():
            return one
    raise NotFound(f"{name} has no tool {tool}: see /registry/{name}/tools")


class Registry(Controller):
    path = "/registry"

    @get("/")
    async def every(self, request: Call) -> Response[bytes]:
        entries = await index_of(request).entries(view_of(request))
        return json_response(encode([listed(entry) for entry in entries]))

    @get("/{name:str}")
    async def read(
        self, request: Call, name: FromPath[str], version: FromQuery[int | None] = None
    ) -> Response[bytes]:
        view, index = view_of(request), index_of(request)
        entry = await index.entry(view, name, version)
        return json_response(await index.answer(view, entry, origin_of(request)))

    @get("/{name:str}/tools")
    async def tools(self, request: Call, name: FromPath[str]) -> Response[str]:
        view, index = view_of(request), index_of(request)
        entry = await index.entry(view, name)
        spec = await index.spec(view, entry)
        shown = pages.tools_html(entry.display_name, name, spec.tools)
        return Response(shown, media_type=HTML)

    @get("/{name:str}/tools/{tool:str}")
    async def tool(self, request: Call, name: FromPath[str], tool: FromPath[str]) -> Response[str]:
        """Return Markdown if the path ends in `.md`, or the caller accepts it."""
        found = await tool_named(request, name, tool.removesuffix(".md"))
        if tool.endswith(".md") or "text/markdown" in request.headers.get("accept", ""):
            return Response(pages.tool_markdown(found, name), media_type=MARKDOWN)
        return Response(pages.tool_html(found, name), media_type=HTML)


@get("/search")
async def search(
    request: Call, q: FromQuery[str] = "", per_page: FromQuery[int] = 10
) -> Response[bytes]:
    if not 1 <= per_page <= PER_PAGE_MAX:
        raise Invalid(f"per_page must be 1 to {PER_PAGE_MAX}", field="per_page")
    every = await found(request, q.strip())
    return json_response(encode(Results(results=every[:per_page])))


def face(services: Services, own: Mapping[str, Own]) -> Face:
    return Face(
        name="registry",
        prefixes=PREFIXES,
        app=build(services, own),
        secret_of=lambda headers: None,
        refuse=refuse,
        is_public=lambda method, path: True,
        is_free=lambda method, path: True,
    )


def build(services: Services, own: Mapping[str, Own]) -> Litestar:
    app = serving.build(
        "/", (Registry, search), services, serving.Refusals(on_error, on_problems, on_http, on_bug)
    )
    app.state.index = ApiIndex(own)
    return app


def refuse(error: AtollError) -> Plain:
    """Format the guard's errors: here only an unavailable database."""
    return Plain(status_of(error), encode(ErrorBody(error=error.message)))


def status_of(error: AtollError) -> int:
    if isinstance(error, NotFound):
        return 404
    return 503 if isinstance(error, StoreUnavailable) else 400


def on_error(request: Call, error: AtollError) -> Response[bytes]:
    return json_response(encode(ErrorBody(error=error.message)), status_of(error))


def on_http(request: Call, error: HTTPException, sentence: str) -> Response[bytes]:
    return json_response(encode(ErrorBody(error=sentence)), error.status_code)


def on_bug(request: Call) -> Response[bytes]:
    words = "something is wrong inside Atoll; its log says what"
    return json_response(encode(ErrorBody(error=words)), 500)


def on_problems(request: Call, every: Sequence[Problem]) -> Response[bytes]:
    texts = [f"{one.field}: {one.message}" if one.field else one.message for one in every]
    return json_response(encode(ErrorBody(error="; ".join(texts))), 400)
