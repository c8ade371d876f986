"""Posts to webhooks. Called by the messenger of `operations`.

The connection goes to exactly the address that was checked; redirects are not followed, and only
the status of the response is read.
"""

import asyncio
from collections.abc import Mapping

import httpx2

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.outbound.addresses import Resolve, choose_address, resolve

TOTAL_S = 10.0
PORTS = {"http": 80, "https": 443}


class HttpCourier:
    """Implements `ports.Courier`. `resolve` and `transport` are replaceable in tests."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolve: Resolve = resolve,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._transport = transport

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        try:
            async with asyncio.timeout(TOTAL_S), self._client() as client:
                request = await self._request(client, url, headers, body)
                response = await client.send(request, stream=True)
                await response.aclose()
        except TimeoutError as error:
            raise DriverUnavailable(f"it did not answer within {TOTAL_S:g} s") from error
        except (httpx2.HTTPError, OSError) as error:
            words = str(error) or type(error).__name__
            raise DriverUnavailable(f"it cannot be reached: {words}") from error
        return int(response.status_code)

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            transport=self._transport, timeout=TOTAL_S, trust_env=False, follow_redirects=False
        )

    async def _request(
        self, client: httpx2.AsyncClient, url: str, headers: Mapping[str, str], body: bytes
    ) -> httpx2.Request:
        try:
            parsed = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise DriverRefused(f"{url!r} is not a URL: {error}") from error
        if parsed.scheme not in PORTS or not parsed.host:
            raise DriverRefused(f"{url!r} is not an address: give http://… or https://…")
        port = parsed.port or PORTS[parsed.scheme]
        address = await choose_address(
            parsed.host, port, resolve=self._resolve, allow_private=self._allow_private
        )
        return client.build_request(
            "POST",
            parsed.copy_with(host=address),
            headers={**headers, "Host": parsed.netloc.decode("ascii")},
            content=body,
            extensions={"sni_hostname": parsed.raw_host.decode("ascii")},
        )
