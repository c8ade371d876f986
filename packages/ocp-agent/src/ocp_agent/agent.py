"""The agent: registers APIs, lists and finds their tools, calls them. Start reading here.

The same methods work with and without `await`; see `pending`.
"""

import itertools
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, TypedDict

from msgspec.structs import replace

from ocp_agent.auth import Credentials, from_environment
from ocp_agent.calls import Access, Call, Wish
from ocp_agent.context import AgentContext
from ocp_agent.discovery import OCPSchemaDiscovery, source_of, with_resources
from ocp_agent.drift import Drift, drift_report
from ocp_agent.errors import AmbiguousTool, RegistryUnavailable, ToolNotFound, UnknownAPI
from ocp_agent.http_client import OCPHTTPClient
from ocp_agent.limits import Limits
from ocp_agent.names import OperationKey
from ocp_agent.pending import Worker
from ocp_agent.raw import list_at
from ocp_agent.redaction import redacted_text
from ocp_agent.registry import OCPRegistry
from ocp_agent.requests import combined
from ocp_agent.response import Response
from ocp_agent.search import closest, search
from ocp_agent.session import OF_THE_API
from ocp_agent.storage import OCPStorage
from ocp_agent.tools import OCPAPISpec, OCPTool
from ocp_agent.transport import Transport

if TYPE_CHECKING:
    from typing import Unpack

CACHE_DAYS = 7.0
REGISTRY_CACHE_DAYS = 5 / (24 * 60)  # five minutes, to see newer documents
NAMED_WHEN_NOT_FOUND = 10


class Further(TypedDict, total=False):
    """Options of a call that few calls need."""

    check: bool
    content_type: str


class OCPAgent:
    def __init__(
        self,
        agent_type: str = "ai_agent",
        user: str | None = None,
        workspace: str | None = None,
        agent_goal: str | None = None,
        registry_url: str | None = None,
        enable_cache: bool = True,
        *,
        limits: Limits | None = None,
    ) -> None:
        limits = limits or Limits()
        self.context = AgentContext(
            agent_type=agent_type, user=user, workspace=workspace, current_goal=agent_goal
        )
        self.discovery = OCPSchemaDiscovery(limits.timeout_s)
        self.registry = OCPRegistry(registry_url)
        self.storage = OCPStorage() if enable_cache else None
        self.known_apis: dict[str, OCPAPISpec] = {}
        self._transport = Transport(limits)
        self._worker = Worker(limits.calls_at_once)
        self.http_client = OCPHTTPClient(self.context, http_client=self._transport)
        self._access: dict[str, Access] = {}
        self._numbers = itertools.count(1)
        self._lock = Lock()
        weakref.finalize(self, closed, self._transport, self._worker)

    # -- APIs --

    def register_api(
        self,
        name: str,
        spec_url: str | Path | None = None,
        base_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        auth: Credentials | None = None,
        max_age_days: float = CACHE_DAYS,
        include_resources: Sequence[str] | None = None,
        check: bool = True,
    ) -> OCPAPISpec:
        """Register an API: from memory, the cache, `spec_url`, or the registry.

        `headers` and `auth` are sent with each call to this API only. `max_age_days=0` reads the
        document again. A registry is queried again after five minutes; while it is unreachable,
        the cache is used. `check=False` sends arguments unchecked, for documents that are wrong.
        """
        name = name.strip().lower()
        source = source_of(spec_url) if spec_url else self.registry.registry_url
        access = Access(dict(headers or {}), auth if auth is not None else from_environment(name))

        def register(_: Event) -> OCPAPISpec:
            spec = self._found(name, source, bool(spec_url), max_age_days)
            if include_resources:
                spec = replace(spec, tools=with_resources(spec.tools, include_resources, None))
            where = (base_url or spec.base_url).rstrip("/")
            spec = replace(spec, name=name, base_url=where, is_placed=bool(base_url))
            spec = replace(spec, is_checked=check)
            with self._lock:
                self.known_apis[name], self._access[name] = spec, access
                self.context.add_api_spec(name, told_of(source))
            return spec

        return self._worker.do(OCPAPISpec, register, comes_first=True)

    def _found(self, name: str, source: str, is_document: bool, max_age_days: float) -> OCPAPISpec:
        wants_new = max_age_days <= 0
        if wants_new or "://" not in source:  # the file may have changed since
            self.discovery.forget(source)
        fresh_days = max_age_days if is_document else min(max_age_days, REGISTRY_CACHE_DAYS)
        cached = None if wants_new else self._cached(name, source, fresh_days)
        if cached is not None:
            return cached
        if is_document:
            known = self.storage.known_names(name) if self.storage is not None else None
            spec = self.discovery.discover_api(source, known_names=known)
        else:
            try:
                spec = self.registry.get_api_spec(name)
            except RegistryUnavailable:
                older = None if wants_new else self._cached(name, source, max_age_days)
                if older is None:
                    raise
                return older
        if self.storage is not None:
            kind = "openapi" if is_document else "registry"
            self.storage.cache_api(name, spec, source=source, kind=kind)
        return spec

    def _cached(self, name: str, source: str, max_age_days: float) -> OCPAPISpec | None:
        if self.storage is None:
            return None
        return self.storage.get_cached_api(name, max_age_days, source=source)

    @property
    def api_clients(self) -> dict[str, OCPHTTPClient]:
        """Create plain HTTP clients of the registered APIs, with their headers."""
        return {name: self._client_of(name) for name in self.known_apis}

    def _client_of(self, name: str) -> OCPHTTPClient:
        return OCPHTTPClient(
            self.context, base_url=self.known_apis[name].base_url, api_name=name,
            headers=self._access[name].headers, http_client=self._transport,
        )  # fmt: skip

    def drift(self, name: str, spec_url: str | Path) -> Drift:
        """Compare the registered version of an API with another document."""
        before = self._spec(name)
        known = {OperationKey(tool.method, tool.path): tool.name for tool in before.tools}
        after = OCPSchemaDiscovery().discover_api(spec_url, known_names=known)
        return drift_report(before, after)

    # -- Tools --

    def list_tools(self, api_name: str | None = None) -> list[OCPTool]:
        return [tool for spec in self._specs(api_name) for tool in spec.tools]

    def get_tool(self, tool_name: str, api_name: str | None = None) -> OCPTool | None:
        """Find a tool; if several APIs have it, the one of the API registered first."""
        found = (spec.tool_of.get(tool_name) for spec in self._specs(api_name))
        return next((tool for tool in found if tool is not None), None)

    def search_tools(self, query: str, api_name: str | None = None) -> list[OCPTool]:
        """Search tools, best matches first."""
        return search(self.list_tools(api_name), query)

    def get_tool_documentation(self, tool_name: str, api_name: str | None = None) -> str:
        tool = self.get_tool(tool_name, api_name)
        if tool is None:
            raise self._not_found(tool_name, None if api_name is None else api_name.strip().lower())
        return self.discovery.generate_tool_documentation(tool)

    def call_tool(
        self,
        tool_name: str,
        parameters: Mapping[str, Any] | None = None,
        api_name: str | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        auth: Credentials | None = None,
        wait: bool = False,
        pages: int = 1,
        dry_run: bool = False,
        **further: "Unpack[Further]",
    ) -> Response:
        """Check the arguments and send the request. A status of 4xx or 5xx does not raise.

        `wait` waits for the operation to end; `pages` is the maximum number of pages of a list;
        `dry_run` returns the request. `headers` and `auth` apply to this call only and take
        precedence. `check=False` sends the arguments unchecked; `content_type` chooses among the
        media types of the body.
        """
        given, wish = dict(parameters or {}), Wish(wait, pages, dry_run, **further)

        def work(stop: Event) -> Response:
            spec, tool = self._tool(tool_name, api_name)
            access = self._access.get(spec.name or "", Access())
            if headers or auth is not None:
                access = Access(
                    combined(access.headers, headers or {}),
                    access.credentials if auth is None else auth,
                )
            call = Call(spec, tool, access, self.context, next(self._numbers))
            response = call.carried_out(given, wish, self._transport, stop)
            self._remember(spec, tool, response)
            return response

        return self._worker.do(Response, work)

    def _remember(self, spec: OCPAPISpec, tool: OCPTool, response: Response) -> None:
        """Record the call and its outcome, without arguments and responses."""
        with self._lock:
            if said := list_at(tool.shape.context, "updates_context"):
                self.context.update_from_headers(response.headers, said)
            self.context.add_interaction(
                f"api_call_{tool.method.lower()}",
                f"{tool.method} {tool.path}",
                "dry run" if response.is_dry_run else str(response.status_code),
                {OF_THE_API: spec.name, "tool": tool.name},
            )

    def update_goal(self, goal: str, summary: str | None = None) -> None:
        self.context.update_goal(goal, summary)

    def close(self) -> None:
        """Close connections and threads. Otherwise they are closed with the agent."""
        closed(self._transport, self._worker)

    # -- Finding --

    def _specs(self, api_name: str | None) -> list[OCPAPISpec]:
        if api_name is not None:
            return [self._spec(api_name)]
        self._worker.settle()
        return list(self.known_apis.values())

    def _spec(self, api_name: str) -> OCPAPISpec:
        self._worker.settle()
        name = api_name.strip().lower()
        if name not in self.known_apis:
            raise UnknownAPI(api_name, list(self.known_apis))
        return self.known_apis[name]

    def _tool(self, tool_name: str, api_name: str | None) -> tuple[OCPAPISpec, OCPTool]:
        """Find the tool to call. Raises AmbiguousTool if several APIs have it."""
        wanted = None if api_name is None else api_name.strip().lower()
        if wanted is not None and wanted not in self.known_apis:
            raise UnknownAPI(wanted, list(self.known_apis))
        found = {
            name: (spec, tool)
            for name, spec in list(self.known_apis.items())
            if wanted in {None, name} and (tool := spec.tool_of.get(tool_name)) is not None
        }
        if not found:
            raise self._not_found(tool_name, wanted)
        if len(found) > 1:
            raise AmbiguousTool(tool_name, list(found))
        return next(iter(found.values()))

    def _not_found(self, tool_name: str, api_name: str | None) -> ToolNotFound:
        specs = [spec for name, spec in self.known_apis.items() if api_name in {None, name}]
        tools = [tool for spec in specs for tool in spec.tools]
        near = search(tools, tool_name)
        named = [tool.name for tool in list(dict.fromkeys([*near, *tools]))[:NAMED_WHEN_NOT_FOUND]]
        meant = closest(tool_name, [tool.name for tool in tools])
        return ToolNotFound(tool_name, named, len(tools) - len(named), meant)


def told_of(source: str) -> str:
    """Describe the source of a document, without credentials or directories of this machine."""
    return redacted_text(source).partition("?")[0] if "://" in source else Path(source).name


def closed(transport: Transport, worker: Worker) -> None:
    transport.close()
    worker.close()
