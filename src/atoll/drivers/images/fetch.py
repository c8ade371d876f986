"""Downloads an image by http or https into a file. Called by the image store.

Redirects are followed here and the addresses of each hop are checked; the connection goes to
exactly the address that was checked, which prevents DNS rebinding. The bytes are counted and hashed
as they arrive, and never decoded. Proxies from the environment are not used.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx2
import msgspec

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.drivers.images.checksums import CHUNK_BYTES, Expected
from atoll.outbound.addresses import Resolve, choose_address, resolve

REDIRECTS_MAX = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
TEMPORARY = frozenset({408, 425, 429})
PORTS = {"http": 80, "https": 443}

OnBytes = Callable[[int, int | None], None]


class FetchLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`total_s` limits the whole download, `silence_s` the time without data."""

    bytes_max: int = 64 << 30
    total_s: float = 3 * 3600
    silence_s: float = 30


class Fetcher:
    """`transport` and `resolve` are replaceable in tests; the defaults use the network."""

    def __init__(
        self,
        limits: FetchLimits,
        *,
        allow_private: bool = False,
        resolve: Resolve = resolve,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._limits = limits
        self._allow_private = allow_private
        self._resolve = resolve
        self._transport = transport

    async def fetch(self, url: str, target: Path, expected: Expected, on_bytes: OnBytes) -> None:
        """Download. `on_bytes` receives the number of bytes and, if known, the total."""
        try:
            async with asyncio.timeout(self._limits.total_s), self._client() as client:
                await self._follow(client, parse(url), target, expected, on_bytes)
        except httpx2.HTTPError as error:
            raise DriverUnavailable(f"{url} cannot be fetched: {error or type(error)}") from error
        except TimeoutError as error:
            raise DriverUnavailable(
                f"{url} was not downloaded within {self._limits.total_s:.0f} s"
            ) from error
        expected.verify(url)

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            transport=self._transport,
            timeout=self._limits.silence_s,
            trust_env=False,
            follow_redirects=False,
        )

    async def _follow(
        self,
        client: httpx2.AsyncClient,
        url: httpx2.URL,
        target: Path,
        expected: Expected,
        on_bytes: OnBytes,
    ) -> None:
        for _ in range(REDIRECTS_MAX + 1):
            response = await client.send(await self._request(client, url), stream=True)
            try:
                if response.status_code not in REDIRECTS:
                    require_success(url, response.status_code)
                    await self._save(url, response, target, expected, on_bytes)
                    return
                url = next_hop(url, response)
            finally:
                await response.aclose()
        raise DriverRefused(f"there are more than {REDIRECTS_MAX} redirects, the last one to {url}")

    async def _request(self, client: httpx2.AsyncClient, url: httpx2.URL) -> httpx2.Request:
        """Build a request to the checked address, with the host name of the URL."""
        port = url.port or PORTS[url.scheme]
        address = await choose_address(
            url.host, port, resolve=self._resolve, allow_private=self._allow_private
        )
        return client.build_request(
            "GET",
            url.copy_with(host=address),
            headers={"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity"},
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )

    async def _save(
        self,
        url: httpx2.URL,
        response: httpx2.Response,
        target: Path,
        expected: Expected,
        on_bytes: OnBytes,
    ) -> None:
        announced = response.headers.get("Content-Length", "")
        total = int(announced) if announced.isdecimal() else None
        self._require_small(url, total or 0)
        done = 0
        with target.open("xb") as file:
            async for chunk in response.aiter_raw(CHUNK_BYTES):
                done += len(chunk)
                self._require_small(url, done)
                expected.update(chunk)
                await asyncio.to_thread(file.write, chunk)
                on_bytes(done, total)

    def _require_small(self, url: httpx2.URL, size_bytes: int) -> None:
        if size_bytes > self._limits.bytes_max:
            raise DriverRefused(
                f"{url} is larger than the {self._limits.bytes_max} bytes that an image may have"
            )


def parse(url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise DriverRefused(f"{url!r} is not a URL: {error}") from error
    if parsed.scheme not in PORTS or not parsed.host:
        raise DriverRefused(f"{url!r} is not a URL that begins with http:// or https://")
    if parsed.userinfo:
        raise DriverRefused(
            "a URL must not contain a user name or password: other users could read them"
        )
    return parsed


def next_hop(url: httpx2.URL, response: httpx2.Response) -> httpx2.URL:
    location = response.headers.get("Location")
    if not location:
        raise DriverRefused(f"{url} answers with a redirect without a location")
    try:
        target = parse(str(url.join(location)))
    except httpx2.InvalidURL as error:
        raise DriverRefused(f"{url} redirects to {location!r}, which is not a URL") from error
    if url.scheme == "https" and target.scheme == "http":
        raise DriverRefused(
            f"{url} redirects from https to {target}: give that URL if you trust it"
        )
    return target


def require_success(url: httpx2.URL, status: int) -> None:
    if status == 200:  # 206 and others would be a part of an image
        return
    if status >= 500 or status in TEMPORARY:
        raise DriverUnavailable(f"{url} currently answers {status}")
    raise DriverRefused(f"{url} answers {status}: the image cannot be downloaded")
