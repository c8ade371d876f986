"""Sends requests, with safe retries and redirects, within limits.

The only module that opens connections for calls. It does not know tools and contexts.
"""

import time
from collections.abc import Iterable
from datetime import datetime, timezone
from functools import lru_cache
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urljoin, urlsplit

from msgspec.structs import replace

from ocp_agent.errors import ResponseTooLarge
from ocp_agent.lazily import HTTPX, Lazily
from ocp_agent.limits import Limits
from ocp_agent.requests import Request, combined
from ocp_agent.response import CaseInsensitive, Response

if TYPE_CHECKING:
    import random
    from email import utils as email_utils
    from urllib import request as urllib_request

    import httpx2
else:
    random = Lazily("random")
    email_utils = Lazily("email.utils")
    urllib_request = Lazily("urllib.request")
    httpx2 = Lazily(HTTPX)

# Idempotent methods.
REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "QUERY", "PUT", "DELETE"})
REFUSED = 429  # the server states that it did nothing
UNWELL = frozenset({502, 503, 504})
MOVED = frozenset({301, 302, 303, 307, 308})
MOVED_WITH_ITS_METHOD = frozenset({307, 308})
WITH_CONTENT = frozenset({"POST", "PUT", "PATCH", "QUERY"})  # or disable it
# Building a request with the client would double the cost of a call.
USUAL_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": "ocp-agent",
}
TO_ANY_HOST = frozenset({"accept", "user-agent"})


class Transport:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._routes: dict[tuple[str, bytes], httpx2.HTTPTransport] = {}
        self._lock = Lock()
        one = limits.timeout_s
        self._extensions = {"timeout": {"connect": one, "read": one, "write": one, "pool": one}}

    def _route(self, url: "httpx2.URL") -> "httpx2.HTTPTransport":
        """Return the connections to a host or its proxy. The client of httpx2 is not used: its
        redirects, sessions and credentials are not needed, and cost a tenth of a call."""
        origin = url.scheme, url.netloc
        found = self._routes.get(origin)
        if found is None:
            with self._lock:
                route = httpx2.HTTPTransport(proxy=proxy_for(str(url)))
                found = self._routes.setdefault(origin, route)
        return found

    def close(self) -> None:
        with self._lock:
            routes, self._routes = self._routes, {}
        for route in routes.values():
            route.close()

    def send(self, request: Request, stop: Event, *, is_keyed: bool = False) -> Response:
        """Send a request. `is_keyed`: it has an idempotency key, so it is safe to retry."""
        may_repeat = is_keyed or request.method in REPEATABLE
        for attempt in range(1, self.limits.attempts + 1):
            is_last = attempt == self.limits.attempts
            try:
                response = self._followed(request)
            except httpx2.ConnectError:  # the request never arrived
                pause_s = None if is_last else self._backoff_s(attempt)
                if pause_s is None:
                    raise
            except httpx2.TransportError:
                pause_s = None if is_last or not may_repeat else self._backoff_s(attempt)
                if pause_s is None:
                    raise
            else:
                pause_s = None if is_last else self._pause_s(response, attempt, may_repeat)
                if pause_s is None:
                    return replace(response, attempts=attempt)
            stop.wait(pause_s)
            if stop.is_set():
                raise Abandoned
        raise AssertionError("the last attempt answers or raises")

    def _pause_s(self, response: Response, attempt: int, may_repeat: bool) -> float | None:
        """Return the delay before the next attempt, or None for no retry."""
        status = response.status_code
        if status != REFUSED and not (status in UNWELL and may_repeat):
            return None
        said_s = retry_after_s(response)
        if said_s is None:
            return self._backoff_s(attempt)
        return said_s if said_s <= self.limits.retry_after_s else None

    def _backoff_s(self, attempt: int) -> float:
        longest: float = self.limits.retry_first_s * 2 ** (attempt - 1)
        return longest * random.uniform(0.5, 1)

    def _followed(self, request: Request) -> Response:
        for _ in range(self.limits.redirects + 1):
            response = self._once(request)
            onward = redirected(request, response)
            if onward is None:
                break
            request = onward
        return response

    def _once(self, request: Request) -> Response:
        began = time.perf_counter()
        built = ready(request, self._extensions)
        answer = self._route(built.url).handle_request(built)
        headers = headers_in(answer.headers.raw)
        try:
            content = bounded(answer, headers, self.limits.response_bytes)
        finally:
            answer.close()
        return Response(
            status_code=answer.status_code,
            headers=headers,
            content=content,
            url=str(built.url),
            reason=answer.reason_phrase,
            method=request.method,
            elapsed_s=time.perf_counter() - began,
        )


class Abandoned(Exception):
    """The caller has stopped waiting for the response."""


def ready(request: Request, extensions: dict[str, Any]) -> "httpx2.Request":
    """Build the content. For streams, httpx2 uses the headers unchanged. Letting it compute the
    headers costs a tenth of a call, so that is done for files only."""
    url, method = parsed(request.url), request.method
    if request.files is not None:
        headers = combined(USUAL_HEADERS, request.headers)
        return httpx2.Request(
            method, url, headers=headers, files=request.files, extensions=extensions
        )
    headers = combined(headers_for(request, url), request.headers)
    stream = httpx2.ByteStream(request.content or b"")
    return httpx2.Request(method, url, headers=headers, stream=stream, extensions=extensions)


def headers_for(request: Request, url: "httpx2.URL") -> dict[str, str]:
    """Return default headers that the request does not set."""
    found = {"Host": url.netloc.decode("ascii"), **USUAL_HEADERS}
    has_length = request.content or request.method in WITH_CONTENT
    if has_length and "transfer-encoding" not in map(str.lower, request.headers):
        found["Content-Length"] = str(len(request.content or b""))
    return found


@lru_cache(maxsize=64)
def parsed(url: str) -> "httpx2.URL":
    """Parse a URL with a cache: most calls repeat hosts, and parsing by httpx2 is slow."""
    return httpx2.URL(url)


def bounded(answer: "httpx2.Response", headers: CaseInsensitive, largest: int) -> bytes:
    """Read and decompress the content, up to the limit."""
    is_encoded = "content-encoding" in headers
    pieces = answer.iter_bytes() if is_encoded else cast("Iterable[bytes]", answer.stream)
    total, chunks = 0, []
    for chunk in pieces:
        total += len(chunk)
        if total > largest:
            raise ResponseTooLarge(largest)
        chunks.append(chunk)
    return b"".join(chunks)


def headers_in(raw: Iterable[tuple[bytes, bytes]]) -> CaseInsensitive:
    """Join repeated headers."""
    found = CaseInsensitive()
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def redirected(request: Request, response: Response) -> Request | None:
    """Follow a redirect. Secrets are not sent to another host. A change is repeated only if the
    status requires it, and only on the same host."""
    where = response.headers.get("location")
    if response.status_code not in MOVED or not where:
        return None
    url = urljoin(request.url, where)
    if origin_of(url) == origin_of(request.url):
        if request.method in {"GET", "HEAD"} or response.status_code in MOVED_WITH_ITS_METHOD:
            return replace(request, url=url)
        return None
    if request.method not in {"GET", "HEAD"} or urlsplit(url).scheme not in {"http", "https"}:
        return None
    kept = {name: value for name, value in request.headers.items() if name.lower() in TO_ANY_HOST}
    return replace(request, url=url, headers=kept)


def proxy_for(url: str) -> str | None:
    """Read the proxy from the environment."""
    parts = urlsplit(url)
    if urllib_request.proxy_bypass(parts.hostname or ""):
        return None
    proxies = urllib_request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def origin_of(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or usual


def retry_after_s(response: Response) -> float | None:
    """Parse Retry-After: seconds or a date."""
    said = response.headers.get("retry-after", "").strip()
    if said.isdecimal():
        return float(said)
    try:
        when = email_utils.parsedate_to_datetime(said)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return max((when - datetime.now(timezone.utc)).total_seconds(), 0.0)
