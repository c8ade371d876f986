"""What every dialect needs from HTTP: authentication, rate limits, common headers.

A `Guard` stands before one dialect's application. It never reads a body.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog
from litestar import Request, Response
from litestar.datastructures import State
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Send

from atoll.api.limits import Limiter, Standing
from atoll.api.ocp import agent_in
from atoll.domain.errors import AtollError, Invalid, RateLimited, Unauthenticated
from atoll.domain.projects import Caller
from atoll.domain.reasons import Reason
from atoll.ports import Ids
from atoll.service.desk import Once
from atoll.service.keys import Keys

log = structlog.get_logger()

IDEMPOTENCY_KEY_MAX = 255
REQUEST_ID_MAX = 128
REQUEST = "request:"
BODY_BYTES_MAX = 1024 * 1024
VNC_PAGE = "/console/vnc"
Headers = Iterable[tuple[bytes, bytes]]
# Answers a request without the framework, or returns None for the framework to answer.
Quick = Callable[[HTTPScope, Caller], Awaitable["Plain | None"]]


class Plain(NamedTuple):
    """A JSON response that the framework does not make. `headers` are more than its type and
    length."""

    status: int
    body: bytes
    headers: Headers = ()


@dataclass(frozen=True)
class Face:
    """What a dialect tells its guard. `secret_of` finds the key's text in the headers; `is_public`
    paths need no key; `is_free` paths do not count towards the rate limit. `per_second` limits the
    requests per second of each key in this dialect, 0 for no additional limit. `server` is the base
    path of its OpenAPI document. `quick` answers the most frequent read, whose time would mostly be
    the framework's."""

    name: str
    prefixes: tuple[str, ...]
    app: ASGIApp
    secret_of: Callable[[Headers], str | None]
    refuse: Callable[[AtollError], Plain]
    is_public: Callable[[str, str], bool]
    is_free: Callable[[str, str], bool]
    per_second: int = 0
    server: str = ""
    quick: Quick | None = None


class Guard:
    """Authenticates the caller, applies the rate limit of the key, and adds the common headers."""

    def __init__(self, face: Face, keys: Keys, limiter: Limiter, new_ids: Ids) -> None:
        self._face = face
        self._keys = keys
        self._limiter = limiter
        self._ids = new_ids

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        headers: Headers = scope["headers"]
        request_id = self._request_id(headers)
        added = [(b"x-request-id", request_id.encode())]

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            await send(message)

        try:
            caller, standing = await self._admit(scope, headers, request_id)
        except AtollError as error:
            await answer(self._face.refuse(error), send_more)
            return
        if standing is not None:
            added += limit_headers(standing)
        if standing is not None and standing.retry_after_s:
            added += [(b"retry-after", str(standing.retry_after_s).encode())]
            limited = RateLimited(
                Reason.RATE_LIMIT, limit=standing.exceeded, seconds=standing.retry_after_s,
                retry_after_s=standing.retry_after_s,
            )  # fmt: skip
            await answer(self._face.refuse(limited), send_more)
            return
        scope["state"]["caller"] = caller
        if self._face.quick is not None and caller is not None:
            plain = await self._face.quick(scope, caller)
            if plain is not None:
                await answer(plain, send_more)
                return
        await self._face.app(scope, receive, send_more)

    async def _admit(
        self, scope: HTTPScope, headers: Headers, request_id: str
    ) -> tuple[Caller | None, Standing | None]:
        method, path = scope["method"], scope["path"]
        if self._face.is_public(method, path):
            return None, None
        text = self._face.secret_of(headers)
        if not text:
            raise Unauthenticated(Reason.KEY_NEEDED, header="X-API-Key")
        key = await self._keys.find(text)
        standing = self._limiter.charge(
            key,
            free=self._face.is_free(method, path),
            per_second=self._face.per_second,
        )
        caller = Caller(
            key_id=key.id,
            project_id=key.project_id,
            role=key.role,
            dialect=self._face.name,
            request_id=request_id,
            agent=agent_in(headers),
        )
        return caller, standing

    def _request_id(self, headers: Headers) -> str:
        given = header(headers, b"x-request-id") or ""
        if 1 <= len(given) <= REQUEST_ID_MAX and given.isascii() and given.isprintable():
            return given
        return self._ids.new("req")


def limit_headers(standing: Standing) -> list[tuple[bytes, bytes]]:
    return [
        (b"x-ratelimit-limit", b"%d" % standing.limit),
        (b"x-ratelimit-remaining", b"%d" % standing.remaining),
        (b"x-ratelimit-reset", b"%d" % standing.reset_s),
    ]


async def answer(plain: Plain, send: Send) -> None:
    length = (b"content-length", b"%d" % len(plain.body))
    headers = [(b"content-type", b"application/json"), length, *plain.headers]
    await send({"type": "http.response.start", "status": plain.status, "headers": headers})
    await send({"type": "http.response.body", "body": plain.body, "more_body": False})


def header(headers: Headers, name: bytes) -> str | None:
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return None


def bearer_or_key(headers: Headers) -> str | None:
    """Read `X-API-Key: …` or `Authorization: Bearer …`."""
    given = header(headers, b"x-api-key")
    if given:
        return given.strip()
    kind, _, text = (header(headers, b"authorization") or "").partition(" ")
    return text.strip() if kind.lower() == "bearer" else None


Call = Request[Any, Any, State]


def caller_of(request: Call) -> Caller:
    caller: Caller = request.scope["state"]["caller"]
    return caller


def origin_of(request: Call) -> str:
    """Return the address at which the caller reaches this server:
    `https://cloud.example.com:8080`."""
    scheme = request.headers.get("x-forwarded-proto", request.scope["scheme"])
    host = request.headers.get("host", "localhost")
    return f"{'https' if scheme == 'https' else 'http'}://{host}"


async def once_of(request: Call, keys: Keys) -> Once | None:
    """Return the Idempotency-Key, with a keyed hash of method, path, query and body, so that
    passwords cannot be guessed from the database alone. Raises Invalid."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not (1 <= len(key) <= IDEMPOTENCY_KEY_MAX and key.isascii() and key.isprintable()):
        field = "Idempotency-Key"
        raise Invalid(Reason.LENGTH, field=field, lowest=1, highest=IDEMPOTENCY_KEY_MAX)
    digest = hashlib.blake2b(digest_size=32)
    for part in (request.method, request.scope["path"], request.scope.get("query_string", b"")):
        digest.update(part if isinstance(part, bytes) else str(part).encode())
        digest.update(b"\0")
    digest.update(await request.body())
    return Once(key=key, fingerprint=keys.digest(REQUEST + digest.hexdigest()))


def version_of(request: Call) -> int | None:
    """Return the version in If-Match. Raises Invalid."""
    given = request.headers.get("if-match")
    if given is None or given.strip() == "*":
        return None
    text = given.strip().removeprefix("W/").strip('"')
    if not text.isdecimal() or len(text) > 18:
        raise Invalid('If-Match must be a version, as "3"', field="If-Match")
    return int(text)


class JsonResponse(Response[bytes]):
    """A body that is already JSON: it needs no rendering, cookies or tasks, so it is sent
    unchanged."""

    def __init__(self, body: bytes, status: int, headers: dict[str, str] | None) -> None:
        self.content = body
        self.status_code = status
        self.headers = headers or {}
        self.cookies = []
        self.background = None
        self.media_type = "application/json"

    def to_asgi_response(self, *args: Any, **options: Any) -> ASGIApp:  # type: ignore[override]
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(self.content)),
            *((name.lower().encode(), value.encode()) for name, value in self.headers.items()),
        ]
        start = {"type": "http.response.start", "status": self.status_code, "headers": headers}
        body = {"type": "http.response.body", "body": self.content, "more_body": False}

        async def send_it(scope: Any, receive: Receive, send: Send) -> None:
            await send(start)  # type: ignore[arg-type]
            await send(body)  # type: ignore[arg-type]

        return send_it


def json_response(
    body: bytes, status: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    return JsonResponse(body, status, headers)
