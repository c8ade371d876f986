"""Queries a registry for its APIs and their tools.

`OCP_REGISTRY_URL` in the environment selects the registry. Its responses may omit path parameters;
`shapes` adds them.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

import msgspec
from msgspec.structs import replace

from ocp_agent.document import Document, read_document
from ocp_agent.errors import APINotFound, RegistryUnavailable, SchemaDiscoveryError
from ocp_agent.lazily import HTTPX, Lazily
from ocp_agent.raw import dict_at, list_at, text_at
from ocp_agent.tools import OCPAPISpec, OCPTool

if TYPE_CHECKING:
    import httpx2
else:
    httpx2 = Lazily(HTTPX)

PUBLIC = "https://opencontextprotocol.io/api/v1"
ENVIRONMENT = "OCP_REGISTRY_URL"
TIMEOUT_S, SEARCH_TIMEOUT_S = 10.0, 5.0
SUGGESTIONS = 10


class OCPRegistry:
    def __init__(self, registry_url: str | None = None) -> None:
        self.registry_url = (registry_url or os.environ.get(ENVIRONMENT) or PUBLIC).rstrip("/")
        parts = urlsplit(self.registry_url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ValueError(f"Invalid registry URL: {self.registry_url!r} is not http or https")

    def get_api_spec(self, name: str, base_url: str | None = None) -> OCPAPISpec:
        answer = self._get(f"/registry/{quote(name, safe='')}")
        if answer.status_code == 404:
            raise APINotFound(name, self._similar(name))
        self._demand_success(answer)
        try:
            spec = spec_of_answer(read_document(answer.content), self.registry_url)
        except SchemaDiscoveryError as error:
            raise RegistryUnavailable(self.registry_url, str(error)) from error
        spec.name = name
        return replace(spec, base_url=base_url, is_placed=True) if base_url else spec

    def search_apis(self, query: str) -> list[str]:
        answer = self._get("/search", {"q": query, "per_page": str(SUGGESTIONS)}, SEARCH_TIMEOUT_S)
        self._demand_success(answer)
        return names_in(list_at(self._json(answer), "results"))

    def list_apis(self) -> list[str]:
        answer = self._get("/registry")
        self._demand_success(answer)
        return names_in(self._json(answer))

    def _similar(self, name: str) -> list[str]:
        try:
            return self.search_apis(name)
        except RegistryUnavailable:
            return []

    def _get(
        self, path: str, query: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S
    ) -> "httpx2.Response":
        try:
            return httpx2.get(self.registry_url + path, params=query, timeout=timeout_s)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise RegistryUnavailable(self.registry_url, str(error)) from error

    def _demand_success(self, answer: "httpx2.Response") -> None:
        if not answer.is_success:
            raise RegistryUnavailable(self.registry_url, f"it answered {answer.status_code}")

    def _json(self, answer: "httpx2.Response") -> Any:
        try:
            return msgspec.json.decode(answer.content)
        except msgspec.DecodeError as error:
            raise RegistryUnavailable(self.registry_url, "its answer is not JSON") from error


def names_in(entries: Any) -> list[str]:
    names = [text_at(one, "name") for one in entries] if isinstance(entries, list) else []
    return [name for name in names if name]


def spec_of_answer(document: Document, where: str) -> OCPAPISpec:
    """Build an API from `{"name", "display_name", "description", "base_url", "tools": […]}`."""
    answer = msgspec.json.decode(document.data)
    if not isinstance(answer, dict) or not isinstance(answer.get("tools"), list):
        raise SchemaDiscoveryError("The registry's answer has no tools")
    tools = [tool_of_entry(one) for one in answer["tools"] if text_at(one, "name")]
    return OCPAPISpec(
        base_url=urljoin(f"{where}/", text_at(answer, "base_url")).rstrip("/"),
        title=text_at(answer, "display_name") or text_at(answer, "name"),
        version=text_at(answer, "version") or "1.0.0",
        description=text_at(answer, "description"),
        tools=tools,
        document=document,
        name=text_at(answer, "name") or None,
        security_schemes=dict_at(answer, "security_schemes"),
    )


def tool_of_entry(entry: dict[str, Any]) -> OCPTool:
    schema = entry.get("response_schema")
    return OCPTool(
        name=entry["name"],
        description=text_at(entry, "description"),
        method=text_at(entry, "method") or "GET",
        path=text_at(entry, "path"),
        parameters=dict_at(entry, "parameters"),
        response_schema=schema if isinstance(schema, dict) else None,
        operation_id=text_at(entry, "operation_id") or None,
        tags=[tag for tag in list_at(entry, "tags") if isinstance(tag, str)],
    )
