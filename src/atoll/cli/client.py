"""HTTP to the native dialect: keys, lists, idempotent mutations, long polls, the event stream.

Every mutation carries an Idempotency-Key, so repeating it after a lost connection is harmless.
Raises only the errors of `errors.py`.
"""

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx2

from atoll.cli import certificates
from atoll.cli.contexts import is_loopback
from atoll.cli.errors import ServerRefused, Unreachable, Usage
from atoll.cli.settings import Server

Json = dict[str, Any]
Query = dict[str, str | int | bool | tuple[str, ...] | None]

NATIVE_ID = re.compile(r"^[a-z]+-[0-9a-hjkmnp-tv-z]{26}$")
ANSWER_TIMEOUT_S = 30.0
PAGE_ITEMS = 1000
RATE_LIMIT_WAITS_MAX = 5
RATE_LIMIT_WAIT_S_MAX = 60.0
LOST_CONNECTION_TRIES = 2
SHOWN_ERRORS_MAX = 20
PROTECTED = "PROTECTED"
# Noun and command of a list, where its path does not give both.
NOUNS = {
    "api-keys": ("API key", "apikey"),
    "floating-ips": ("floating IP", "floating-ip"),
    "security-groups": ("security group", "group"),
    "ssh-keys": ("ssh key", "key"),
    "startup-scripts": ("startup script", "startup-script"),
    "vpcs": ("VPC", "vpc"),
}
# Where a wrong value of a field can be looked up.
LISTED_BY = {
    "spec.type": "list types with `atoll type list`",
    "spec.image": "list images with `atoll image list`, snapshots with `atoll snapshot list`",
    "spec.region": "list regions with `atoll region list`",
    "spec.project": "list projects with `atoll project list`",
}


class Client:
    """One server and one API key. `pause` sleeps when the server asks for a delay."""

    def __init__(
        self,
        server: Server,
        *,
        pause: Callable[[float], None] = time.sleep,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.server = server
        self.pause = pause
        self._http = httpx2.Client(
            base_url=server.url,
            headers={"X-API-Key": server.api_key},
            timeout=ANSWER_TIMEOUT_S,
            transport=transport,
            verify=certificates.load(server.url),
            # Proxies from the environment are used for remote servers only.
            trust_env=not is_loopback(server.url),
        )

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, query: Query | None = None, *, wait_s: int = 0) -> Json:
        """Get one resource. `wait_s` is how long the server may delay its answer."""
        return self._json(self._send("GET", path, query=query, extra_s=wait_s))

    def items(self, path: str, query: Query | None = None, *, limit: int | None = None) -> Json:
        """Get all pages of a list, joined into one page; at most `limit` items."""
        gathered: list[Json] = []
        cursor: str | None = None
        while True:
            room = PAGE_ITEMS if limit is None else min(PAGE_ITEMS, limit - len(gathered))
            page = self.get(path, {**(query or {}), "limit": room, "cursor": cursor})
            gathered += page["items"]
            cursor = page.get("next")
            if not cursor or not page["items"] or (limit is not None and len(gathered) >= limit):
                return {"items": gathered, "next": cursor}

    def find(self, path: str, reference: str) -> Json:
        """Find a resource by id or name. Raises ServerRefused unless exactly one matches."""
        if NATIVE_ID.match(reference):
            return self.get(f"{path}/{reference}")
        noun, command = noun_of(path)
        found = self.get(path, {"name": reference, "limit": 10})["items"]
        if not found:
            raise ServerRefused(
                f"no {noun} named {reference!r}; list them with `atoll {command} list`", status=404
            )
        if len(found) == 1:
            return dict(found[0])
        try:
            # The server may prefer one, such as the project's own image over the catalogue's.
            return self.get(f"{path}/{quote(reference, safe='')}")
        except ServerRefused as refused:
            ids = ", ".join(thing["id"] for thing in found)
            raise ServerRefused(
                f"{len(found)} {noun}s are named {reference!r}; use an id instead: {ids}",
                status=refused.status,
                code=refused.code,
            ) from refused

    def text(self, path: str, query: Query | None = None) -> str:
        return self.content(path, query).decode(errors="replace")

    def content(self, path: str, query: Query | None = None) -> bytes:
        return self._send("GET", path, query=query).content

    def change(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        query: Query | None = None,
        idempotency_key: str | None = None,
        if_match: int | None = None,
    ) -> Json:
        """Send a change and return the response body, or {} if there is none."""
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        return self._json(self._send(method, path, query=query, body=body, headers=headers))

    def events(self, query: Query, *, follow: bool) -> Iterator[Json]:
        """Yield events. Ends after the latest event, or never if `follow` is set."""
        timeout = httpx2.Timeout(ANSWER_TIMEOUT_S, read=None if follow else ANSWER_TIMEOUT_S)
        request = self._http.build_request(
            "GET",
            "/v1/events",
            params=present({**query, "follow": follow}),
            headers={"Accept": "text/event-stream"},
            timeout=timeout,
        )
        try:
            response = self._http.send(request, stream=True)
            try:
                if not response.is_success:
                    response.read()
                    raise refusal(response)
                for event in httpx2.EventSource(response):
                    yield {"id": event.id, "event": event.event, **data_of(event.data)}
            finally:
                response.close()
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from error

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Json | None = None,
        headers: dict[str, str] | None = None,
        extra_s: float = 0.0,
    ) -> httpx2.Response:
        request = self._http.build_request(
            method,
            path,
            params=present(query or {}),
            json=body,
            headers=headers,
            timeout=ANSWER_TIMEOUT_S + extra_s,
        )
        for waits_left in reversed(range(RATE_LIMIT_WAITS_MAX)):
            response = self._deliver(request)
            if response.status_code != httpx2.codes.TOO_MANY_REQUESTS or not waits_left:
                break
            self.pause(min(retry_after_s(response), RATE_LIMIT_WAIT_S_MAX))
        if not response.is_success:
            raise refusal(response)
        return response

    def _deliver(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request, and once more if the connection is lost (safe: idempotency key)."""
        for tries_left in reversed(range(LOST_CONNECTION_TRIES)):
            try:
                return self._http.send(request)
            except httpx2.ConnectError as error:
                raise self._unreachable(error) from error
            except httpx2.HTTPError as error:
                if not tries_left:
                    raise self._unreachable(error) from error
        raise AssertionError("the last try returns or raises")

    def _unreachable(self, error: Exception) -> Unreachable:
        url = self.server
        if sentence := certificates.explain(error, url):
            return Unreachable(sentence)
        if isinstance(error, httpx2.ConnectError):
            return Unreachable(
                f"cannot connect to {url}. Start a server with `atoll up`, "
                "or select another one with `atoll context use`, --context or --url"
            )
        if isinstance(error, httpx2.TimeoutException):
            return Unreachable(f"{url} did not respond in time; try again")
        return Unreachable(f"lost the connection to {url} ({error}); try again")

    def _json(self, response: httpx2.Response) -> Json:
        if not response.content:
            return {}
        try:
            answer = response.json()
        except ValueError as error:
            raise Usage(f"{self.server.url} is not an Atoll server; check --url") from error
        if not isinstance(answer, dict):
            raise Usage(f"{self.server.url} is not an Atoll server; check --url")
        return answer


def noun_of(path: str) -> tuple[str, str]:
    """Return the noun and the command for the path of a list."""
    name = path.rpartition("/")[2]
    return NOUNS.get(name, (name.removesuffix("s"), name.removesuffix("s")))


def present(query: Query) -> dict[str, Any]:
    """Return the query parameters that have a value, as strings."""
    words: dict[str, Any] = {}
    for name, value in query.items():
        if value is None or value == ():
            continue
        words[name] = str(value).lower() if isinstance(value, bool) else value
    return words


def data_of(text: str) -> Json:
    try:
        data = json.loads(text)
    except ValueError:
        return {"data": text}
    return data if isinstance(data, dict) else {"data": data}


def retry_after_s(response: httpx2.Response) -> float:
    try:
        return max(0.0, float(response.headers.get("Retry-After", "1")))
    except ValueError:
        return 1.0


def refusal(response: httpx2.Response) -> ServerRefused:
    """Build an error from the server's messages, with a hint for common causes."""
    try:
        body = response.json()
        message, code = str(body["error"]), str(body.get("code", ""))
        field = body.get("field")
        # Most messages already name the field.
        details = [f"field: {field}"] if field and str(field) not in message else []
        details += [detail_of(error) for error in body.get("errors") or ()]
        details += [LISTED_BY[field]] if field in LISTED_BY else []
    except (ValueError, KeyError, TypeError, AttributeError):
        message, code, details = f"the server returned status {response.status_code}", "", []
    lines = [message, *dict.fromkeys(line for line in details if line and line != message)]
    if response.status_code == httpx2.codes.UNAUTHORIZED:
        lines.append(
            "set an API key for this server with ATOLL_API_KEY, --api-key or `atoll login`, "
            "or select another server with `atoll context use`"
        )
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
        lines.append("wait a minute, or use a key with a higher limit class")
    if code == PROTECTED:
        lines.append("remove the protection with `atoll instance unprotect`")
    shown = "\n  ".join(lines[: SHOWN_ERRORS_MAX + 1])
    return ServerRefused(shown, status=response.status_code, code=code)


def detail_of(error: Any) -> str:
    """Format one entry of `errors` as a line."""
    if not isinstance(error, dict):
        return str(error)
    field = error.get("field") or error.get("path") or ""
    sentence = error.get("message") or error.get("error") or ""
    return f"{field}: {sentence}" if field else str(sentence)
