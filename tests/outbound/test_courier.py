"""What the courier connects to, and what it makes of the answers."""

import httpx2
import pytest
from pytest_httpserver import HTTPServer

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.outbound.courier import HttpCourier
from tests.support.postgres import free_port

pytestmark = pytest.mark.anyio
BODY = b'{"events": []}'


async def test_the_body_and_headers_arrive_as_they_are(httpserver: HTTPServer) -> None:
    httpserver.expect_request(
        "/hook", method="POST", data=BODY, headers={"a": "b"}
    ).respond_with_data(status=202)
    courier = HttpCourier(allow_private=True)
    assert await courier.post(httpserver.url_for("/hook"), {"a": "b"}, BODY) == 202


async def test_a_redirect_is_an_answer_and_not_followed(httpserver: HTTPServer) -> None:
    elsewhere = {"Location": httpserver.url_for("/elsewhere")}
    httpserver.expect_request("/hook").respond_with_data(status=307, headers=elsewhere)
    courier = HttpCourier(allow_private=True)
    assert await courier.post(httpserver.url_for("/hook"), {}, BODY) == 307
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "http://169.254.169.254/latest",
        "http://[::1]/",
        "ftp://a/",
        "http://",
    ],
)
async def test_what_only_this_host_reaches_is_refused(url: str) -> None:
    with pytest.raises(DriverRefused):
        await HttpCourier().post(url, {}, BODY)


async def test_nobody_there_is_said_so() -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    with pytest.raises(DriverUnavailable, match="cannot be reached"):
        await HttpCourier(allow_private=True).post(url, {}, BODY)


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200)

    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34"]

    courier = HttpCourier(resolve=resolve, transport=httpx2.MockTransport(answer))
    assert await courier.post("https://example.com/hook", {}, BODY) == 200
    assert seen[0].url.host == "93.184.216.34"
    assert seen[0].headers["Host"] == "example.com"
    assert seen[0].extensions["sni_hostname"] == "example.com"
