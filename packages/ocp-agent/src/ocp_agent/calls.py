"""Carries out one call of a tool: check, build, sign, send, follow pages, wait.

Called by `OCPAgent.call_tool` once the tool is known. Keeps nothing between calls, except prepared
credentials beside the credentials themselves.
"""

import hashlib
from collections.abc import Mapping
from threading import Event
from typing import Any
from urllib.parse import urljoin

import msgspec
from msgspec.structs import asdict

from ocp_agent.arguments import Arguments, checked_arguments, fits
from ocp_agent.auth import Signature, sign, signature
from ocp_agent.context import AgentContext
from ocp_agent.errors import OCPError, UnsendableHeader
from ocp_agent.media_types import FIELD, offers, with_media_type
from ocp_agent.paging import followed
from ocp_agent.requests import Request, written
from ocp_agent.response import CaseInsensitive, Response
from ocp_agent.session import headers_of
from ocp_agent.shapes import SLOT
from ocp_agent.tools import OCPAPISpec, OCPTool
from ocp_agent.transport import Transport
from ocp_agent.waiting import Waiter

READABLE = "application/json, */*;q=0.1"
IDEMPOTENCY_KEYS = frozenset({"idempotency-key", "x-idempotency-key"})


class Access(msgspec.Struct, frozen=True):
    """Credentials and headers of an API."""

    headers: dict[str, str] = {}
    credentials: Any = None  # of type Credentials, which msgspec does not need to know
    signatures: dict[Any, Any] = {}  # prepared credentials, by tool

    def __repr__(self) -> str:
        return "Access(***)"


class Wish(msgspec.Struct, frozen=True):
    """Options of one call."""

    wait: bool = False
    pages: int = 1
    dry_run: bool = False
    check: bool | None = None  # None: as the API was registered
    content_type: str | None = None


class Call(msgspec.Struct, frozen=True):
    spec: OCPAPISpec
    tool: OCPTool
    access: Access
    context: AgentContext
    number: int  # position among the calls of the agent

    def carried_out(
        self, given: dict[str, Any], wish: Wish, transport: Transport, stop: Event
    ) -> Response:
        given, tool = self._in_media_type(given, wish)
        check = self.spec.is_checked if wish.check is None else wish.check
        arguments = checked_arguments(tool, given, check=check)
        request = written(tool, arguments, self._base_url())
        key = self._idempotency_key(arguments)
        is_keyed = key is not None or not IDEMPOTENCY_KEYS.isdisjoint(
            name.lower() for name in (*request.headers, *self.access.headers)
        )
        request = request.with_headers(key or {})
        whole, secret = self._entered(request)
        if wish.dry_run:
            return dry_run_of(whole, secret)

        def send(onward: Request) -> Response:
            return transport.send(onward, stop)

        def ask(url: str) -> Response:
            return transport.send(self._entered(self._reading(url))[0], stop)

        response = transport.send(whole, stop, is_keyed=is_keyed)
        if wish.pages > 1:
            response = followed(response, whole, self.tool, wish.pages, transport.limits, send)
        if wish.wait:
            waiter = Waiter(self.spec, self.tool, whole, ask, transport.limits, stop)
            response = waiter.wait(response)
        return response

    def _in_media_type(self, given: dict[str, Any], wish: Wish) -> tuple[dict[str, Any], OCPTool]:
        """Choose the media type of the body: by the option, which may be among the arguments, by a
        header, or by what the arguments look like."""
        wanted, body = wish.content_type, self.tool.shape.body
        is_only_one = body is None or len(body.media_types) < 2
        if is_only_one and wanted is None and FIELD not in given:
            return given, self.tool
        if FIELD in given and FIELD not in self.tool.parameters and body is not None:
            wanted = str(given[FIELD])
            given = {key: one for key, one in given.items() if key != FIELD}
        if wanted is None and body is not None:
            said = CaseInsensitive(self.access.headers).get("content-type")
            wanted = said if said and offers(body.media_types, said) else None
        return given, with_media_type(self.tool, given, wanted, lambda tool: fits(tool, given))

    def _base_url(self) -> str:
        """Return the address that the caller gave, else that of the tool, which may be relative to
        that of the API."""
        base_url, server = self.spec.base_url, self.tool.shape.server
        if server and not self.spec.is_placed:
            base_url = urljoin(f"{base_url.partition('?')[0]}/", server)
        if "://" not in base_url or SLOT.search(base_url):
            raise OCPError(
                f"The document of '{self.spec.name}' does not say where the API is"
                f"{f': {base_url}' if base_url else ''}. Pass base_url to register_api."
            )
        return base_url

    def _reading(self, url: str) -> Request:
        """Build the request that reads an address, with the query of the API's own."""
        root, _, query = self._base_url().partition("?")
        if query and query not in url and url.startswith(root.rstrip("/")):
            url = f"{url}{'&' if '?' in url else '?'}{query}"
        return Request("GET", url, {"Accept": READABLE})

    def _entered(self, request: Request) -> tuple[Request, frozenset[str]]:
        """Add credentials, headers and context; also return the names of secret headers."""
        signed, secret = sign(request, self._signature())
        headers = self.access.headers
        if (
            headers and request.files is not None
        ):  # the client writes the boundary of its parts there
            headers = {name: one for name, one in headers.items() if name.lower() != "content-type"}
        whole = signed.with_headers(headers)
        if self.spec.wants_context:
            whole = whole.with_headers(headers_of(asdict(self.context), self.spec.name))
        demand_sendable(whole.headers)
        return whole, secret | {name.lower() for name in self.access.headers}

    def _signature(self) -> Signature:
        """Prepare the credentials, and keep the result unless they are a mapping (mutable)."""
        access = self.access
        found: Signature | None = access.signatures.get(self.tool)
        if found is None:
            found = signature(self.spec, self.tool, access.credentials)
            if not isinstance(access.credentials, Mapping):
                access.signatures[self.tool] = found
        return found

    def _idempotency_key(self, arguments: Arguments) -> dict[str, str] | None:
        """Build an idempotency key for this call, if the tool accepts one and none was given."""
        given = {name.lower() for name in (*arguments.get("header"), *self.access.headers)}
        for one in self.tool.shape.parameters:
            if one.location == "header" and one.name.lower() in IDEMPOTENCY_KEYS - given:
                agent = (self.context.context_id, self.context.created_at)
                said = (*agent, self.number, self.tool.name)
                digest = hashlib.blake2b(msgspec.json.encode(said), digest_size=16)
                return {one.name: digest.hexdigest()}
        return None


def demand_sendable(headers: Mapping[str, str]) -> None:
    every = "".join(headers.values())
    if every.isascii() and every.isprintable():
        return
    for name, value in headers.items():
        wrong = (at for at, one in enumerate(value) if not (" " <= one <= "~" or one == "\t"))
        if (position := next(wrong, None)) is not None:
            raise UnsendableHeader(name, position)


def dry_run_of(request: Request, secret: frozenset[str]) -> Response:
    """Build the response of a dry run: the request, including its context."""
    shown = request.shown(secret)
    content = msgspec.json.encode({"dry_run": True, **shown})
    return Response(
        0, CaseInsensitive(), content, shown["url"], "Dry run", request.method, is_dry_run=True
    )
