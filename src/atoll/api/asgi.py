"""The front: passes each request on the one port to the dialect of its path's prefix, and serves
what belongs to no dialect: documents, and the pages of consoles."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from atoll.api.http import Plain, answer

# ASGI as in its specification; the framework types only half of it.
Scope = Any
Receive = Callable[[], Coroutine[Any, Any, Any]]
Send = Callable[[Any], Coroutine[Any, Any, None]]
Asgi = Callable[[Scope, Any, Any], Coroutine[Any, Any, None]]
JSON = b"application/json"
HTML = b"text/html; charset=utf-8"
TYPES = {".html": HTML, ".css": b"text/css", ".js": b"text/javascript"}
CSP = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
STRICT = (
    (b"content-security-policy", CSP),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


class Page(NamedTuple):
    """A document, rendered at its first request."""

    kind: bytes
    make: Callable[[], bytes]
    headers: tuple[tuple[bytes, bytes], ...] = ()


def pages_in(directory: Path, prefix: str) -> dict[str, Page]:
    """Return the files of a directory; an HTML page by its name without the suffix. They load
    nothing from other servers, and are never cached."""
    return {
        f"{prefix}/{file.name.removesuffix('.html')}": Page(
            TYPES[file.suffix], file.read_bytes, STRICT
        )
        for file in directory.iterdir()
        if file.suffix in TYPES
    }


class Front:
    """`pages` are documents and `sockets` the handlers of websockets, by path. `not_ready` says why
    the cloud behind it is not ready; empty if it is."""

    def __init__(
        self,
        faces: Sequence[tuple[str, Asgi]],
        pages: Mapping[str, Page],
        sockets: Mapping[str, Asgi],
        not_ready: Callable[[], str],
    ) -> None:
        self._faces = [(prefix, f"{prefix}/", app) for prefix, app in faces]
        self._pages = pages
        self._sockets = sockets
        self._not_ready = not_ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._sockets.get(scope["path"], refuse_socket)(scope, receive, send)
            return
        if scope.get("method") == "HEAD":
            await head(self._http, scope, receive, send)
            return
        await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        scope.setdefault("state", {})
        for prefix, below, app in self._faces:
            if path.startswith(below) or path == prefix:
                await app(scope, receive, send)
                return
        if scope["type"] == "http":
            await self._page(path, send)

    async def _page(self, path: str, send: Send) -> None:
        if path == "/healthz":
            await answer(Plain(200, b'{"status":"ok"}'), send)
        elif path == "/readyz":
            reason = self._not_ready()
            told = {"status": "unavailable", "reason": reason} if reason else {"status": "ready"}
            await answer(Plain(503 if reason else 200, msgspec.json.encode(told)), send)
        elif path in self._pages:
            page = self._pages[path]
            body = page.make()
            headers = [(b"content-type", page.kind), (b"content-length", b"%d" % len(body))]
            headers += page.headers
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body, "more_body": False})
        else:
            text = {"error": f"there is nothing at {path}: see /docs", "code": "NOT_FOUND"}
            await answer(Plain(404, msgspec.json.encode(text)), send)


async def head(app: Asgi, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer HEAD as GET, without the body (RFC 9110, section 9.3.2): what would be sent after the
    headers is not made, which of a stream would never end."""
    started: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def send_start(message: Any) -> None:
        if message["type"] == "http.response.start" and not started.done():
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            started.set_result(None)

    work = asyncio.ensure_future(app({**scope, "method": "GET"}, receive, send_start))
    try:
        await asyncio.wait({work, started}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work


async def refuse_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Reject a websocket: the handshake is answered with 403."""
    await receive()
    await send({"type": "websocket.close", "code": 1000})
