"""A plain HTTP client that adds the context of the agent, for requests without a tool."""

from collections.abc import Mapping
from threading import Event
from typing import Any
from urllib.parse import urljoin

import msgspec
from msgspec.structs import asdict

from ocp_agent.context import AgentContext
from ocp_agent.limits import Limits
from ocp_agent.requests import Request
from ocp_agent.response import Response
from ocp_agent.session import OF_THE_API, headers_of
from ocp_agent.shapes import JSON
from ocp_agent.styles import text_of
from ocp_agent.transport import Transport


class OCPHTTPClient:
    def __init__(
        self,
        context: AgentContext,
        auto_update_context: bool = True,
        base_url: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        api_name: str | None = None,
        http_client: Transport | None = None,
    ) -> None:
        self.context = context
        self.auto_update_context = auto_update_context
        self.base_url = base_url
        self.headers = dict(headers or {})
        self.api_name = api_name
        self.http_client = http_client or Transport(Limits())

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: bytes | None = None,
    ) -> Response:
        whole = urljoin(self.base_url.rstrip("/") + "/", url.lstrip("/")) if self.base_url else url
        content = data if json is None else msgspec.json.encode(json)
        request = Request(method.upper(), whole, content=content)
        request = request.with_query([(name, text_of(one)) for name, one in (params or {}).items()])
        if json is not None:
            request = request.with_headers({"Content-Type": JSON})
        request = request.with_headers(self.headers).with_headers(headers or {})
        request = request.with_headers(headers_of(asdict(self.context), self.api_name))
        response = self.http_client.send(request, Event())
        if self.auto_update_context:
            self.context.update_from_headers(response.headers)
            self.context.add_interaction(
                f"api_call_{method.lower()}", f"{method.upper()} {whole.partition('?')[0]}",
                str(response.status_code), {OF_THE_API: self.api_name},
            )  # fmt: skip
        return response

    def get(self, url: str, **options: Any) -> Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> Response:
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Any) -> Response:
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Any) -> Response:
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Any) -> Response:
        return self.request("DELETE", url, **options)


def wrap_api(
    base_url: str, context: AgentContext, headers: Mapping[str, str] | None = None
) -> OCPHTTPClient:
    """A client of one API, as in the README of the reference."""
    return OCPHTTPClient(context, base_url=base_url, headers=headers, api_name=base_url)
