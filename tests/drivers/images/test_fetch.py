"""Downloads over a network that may be hostile: redirects, lies about sizes, changed bytes."""

import hashlib
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from atoll.domain.errors import DriverError, DriverRefused, DriverUnavailable
from atoll.drivers.images.checksums import Expected
from atoll.drivers.images.fetch import Fetcher, FetchLimits
from atoll.outbound.addresses import resolve
from tests.drivers.images.conftest import PUBLIC_ADDRESS, MakeFetcher, PublicInternet
from tests.support.certificates import make_certificate

pytestmark = pytest.mark.anyio

CONTENT = b"an image" * 10_000
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
SHA512 = f"sha512:{hashlib.sha512(CONTENT).hexdigest()}"


def ignore(done: int, total: int | None) -> None:
    """Progress that nobody wants."""


def public(server: HTTPServer, path: str) -> str:
    return f"http://images.example:{server.port}{path}"


@pytest.mark.parametrize("checksum", [None, SHA256, SHA512, SHA256.upper().replace("SHA", "sha")])
async def test_a_download_arrives_whole_and_tells_how_far_it_is(
    httpserver: HTTPServer, make_fetcher: MakeFetcher, tmp_path: Path, checksum: str | None
) -> None:
    httpserver.expect_request("/a").respond_with_data(CONTENT)
    heard: list[tuple[int, int | None]] = []
    await make_fetcher().fetch(
        public(httpserver, "/a"),
        tmp_path / "a",
        Expected(checksum),
        lambda done, total: heard.append((done, total)),
    )
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert heard[-1] == (len(CONTENT), len(CONTENT))


async def test_the_connection_goes_to_the_checked_address_and_names_the_host(
    httpserver: HTTPServer, make_fetcher: MakeFetcher, internet: PublicInternet, tmp_path: Path
) -> None:
    seen: list[str] = []

    def answer(request: Request) -> Response:
        seen.append(request.headers["Host"])
        return Response(CONTENT)

    httpserver.expect_request("/a").respond_with_handler(answer)
    await make_fetcher().fetch(public(httpserver, "/a"), tmp_path / "a", Expected(None), ignore)
    assert internet.connected_to == [PUBLIC_ADDRESS]
    assert seen == [f"images.example:{httpserver.port}"]


async def test_changed_bytes_are_refused(
    httpserver: HTTPServer, make_fetcher: MakeFetcher, tmp_path: Path
) -> None:
    httpserver.expect_request("/a").respond_with_data(CONTENT + b"!")
    with pytest.raises(DriverRefused, match=f"not {SHA256}"):
        await make_fetcher().fetch(
            public(httpserver, "/a"), tmp_path / "a", Expected(SHA256), ignore
        )


@pytest.mark.parametrize("checksum", ["md5:00", "sha256:12", SHA256[:-1], "x"])
def test_what_is_no_checksum_is_refused(checksum: str) -> None:
    with pytest.raises(DriverRefused, match="is not a checksum"):
        Expected(checksum)


FORBIDDEN = {
    "http://127.0.0.1:PORT/secret": "127.0.0.1",
    "http://169.254.169.254/latest/meta-data": "169.254.169.254",
    "http://[::1]:PORT/secret": "::1",
    "http://10.0.0.1/": "10.0.0.1",
    "http://172.16.3.4/": "172.16.3.4",
    "http://192.168.1.1/": "192.168.1.1",
    "http://100.64.0.1/": "100.64.0.1",
    "http://0.0.0.0:PORT/secret": "0.0.0.0",
    "http://224.0.0.1/": "224.0.0.1",
    "http://[::ffff:127.0.0.1]:PORT/secret": "127.0.0.1",
    "http://[64:ff9b::7f00:1]/": "64:ff9b::7f00:1",
    "http://[2002:7f00:1::]/": "2002:7f00:1::",
    "http://[fe80::1]/": "fe80::1",
    "http://[fd00::1]/": "fd00::1",
    "http://inside.example:PORT/secret": "127.0.0.1",
    "http://half-inside.example:PORT/secret": "10.0.0.1",
}


@pytest.fixture
def secret_server(httpserver: HTTPServer, names: dict[str, Sequence[str]]) -> Iterator[HTTPServer]:
    """A server that must never be asked for its secret."""
    names["inside.example"] = ["127.0.0.1"]
    names["half-inside.example"] = [PUBLIC_ADDRESS, "10.0.0.1"]
    asked: list[str] = []

    def tell(request: Request) -> Response:
        asked.append(request.url)
        return Response(b"secret")

    httpserver.expect_request("/secret").respond_with_handler(tell)
    yield httpserver
    assert asked == []


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_an_address_inside_is_refused(
    secret_server: HTTPServer, make_fetcher: MakeFetcher, tmp_path: Path, url: str
) -> None:
    target = url.replace("PORT", str(secret_server.port))
    with pytest.raises(DriverRefused) as caught:
        await make_fetcher().fetch(target, tmp_path / "a", Expected(None), ignore)
    assert FORBIDDEN[url] in caught.value.message
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_a_redirect_to_an_address_inside_is_refused(
    secret_server: HTTPServer, make_fetcher: MakeFetcher, tmp_path: Path, url: str
) -> None:
    target = url.replace("PORT", str(secret_server.port))
    secret_server.expect_request("/a").respond_with_data(status=302, headers={"Location": target})
    with pytest.raises(DriverRefused) as caught:
        await make_fetcher().fetch(
            public(secret_server, "/a"), tmp_path / "a", Expected(None), ignore
        )
    assert FORBIDDEN[url] in caught.value.message
    assert not (tmp_path / "a").exists()


async def test_private_addresses_are_fetched_from_where_the_operator_allows_it(
    httpserver: HTTPServer, make_fetcher: MakeFetcher, tmp_path: Path
) -> None:
    httpserver.expect_request("/a").respond_with_data(CONTENT)
    url = f"http://127.0.0.1:{httpserver.port}/a"
    await make_fetcher(allow_private=True).fetch(url, tmp_path / "a", Expected(SHA256), ignore)
    assert (tmp_path / "a").read_bytes() == CONTENT


async def test_redirects_among_public_addresses_are_followed(
    httpserver: HTTPServer, make_fetcher: MakeFetcher, tmp_path: Path
) -> None:
    httpserver.expect_request("/a").respond_with_data(status=307, headers={"Location": "b"})
    httpserver.expect_request("/b").respond_with_data(CONTENT)
    await make_fetcher().fetch(public(httpserver, "/a"), tmp_path / "a", Expected(SHA256), ignore)
    assert (tmp_path / "a").read_bytes() == CONTENT


async def test_a_circle_of_redirects_ends(
    httpserver: HTTPServer, make_fetcher: MakeFetcher, tmp_path: Path, internet: PublicInternet
) -> None:
    httpserver.expect_request("/a").respond_with_data(status=302, headers={"Location": "/a"})
    with pytest.raises(DriverRefused, match="more than 5 redirects"):
        await make_fetcher().fetch(public(httpserver, "/a"), tmp_path / "a", Expected(None), ignore)
    assert len(internet.connected_to) == 6


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "ftp://images.example/a", "//"])
async def test_a_redirect_to_something_else_than_http_is_refused(
    httpserver: HTTPServer, make_fetcher: MakeFetcher, tmp_path: Path, location: str
) -> None:
    httpserver.expect_request("/a").respond_with_data(status=302, headers={"Location": location})
    with pytest.raises(DriverRefused, match=r"is not a URL|a redirect without a location"):
        await make_fetcher().fetch(public(httpserver, "/a"), tmp_path / "a", Expected(None), ignore)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, DriverRefused),
        (403, DriverRefused),
        (206, DriverRefused),
        (429, DriverUnavailable),
        (503, DriverUnavailable),
    ],
)
async def test_an_answer_without_an_image_says_whether_to_try_again(
    httpserver: HTTPServer,
    make_fetcher: MakeFetcher,
    tmp_path: Path,
    status: int,
    kind: type[DriverError],
) -> None:
    httpserver.expect_request("/a").respond_with_data(b"words", status=status)
    with pytest.raises(kind, match=f"answers {status}"):
        await make_fetcher().fetch(public(httpserver, "/a"), tmp_path / "a", Expected(None), ignore)
    assert not (tmp_path / "a").exists()


async def test_a_download_that_says_it_is_too_large_is_refused_before_it_begins(
    httpserver: HTTPServer, make_fetcher: MakeFetcher, tmp_path: Path
) -> None:
    httpserver.expect_request("/a").respond_with_data(CONTENT)
    with pytest.raises(DriverRefused, match="larger than the 100 bytes"):
        await make_fetcher(bytes_max=100).fetch(
            public(httpserver, "/a"), tmp_path / "a", Expected(None), ignore
        )
    assert not (tmp_path / "a").exists()


async def test_a_stream_without_end_is_cut(
    httpserver: HTTPServer, make_fetcher: MakeFetcher, tmp_path: Path
) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(1 << 20)

    httpserver.expect_request("/a").respond_with_handler(lambda request: Response(endless()))
    with pytest.raises(DriverRefused, match="larger than"):
        await make_fetcher(bytes_max=3 << 20).fetch(
            public(httpserver, "/a"), tmp_path / "a", Expected(None), ignore
        )
    assert (tmp_path / "a").stat().st_size <= 3 << 20


async def test_compressed_content_is_not_unpacked(
    httpserver: HTTPServer, make_fetcher: MakeFetcher, tmp_path: Path
) -> None:
    squeezed = b"\x1f\x8b" + bytes(100)
    httpserver.expect_request("/a").respond_with_data(
        squeezed, headers={"Content-Encoding": "gzip"}
    )
    await make_fetcher().fetch(public(httpserver, "/a"), tmp_path / "a", Expected(None), ignore)
    assert (tmp_path / "a").read_bytes() == squeezed


@pytest.mark.parametrize(
    "url",
    ["", "images.example/a", "file:///etc/passwd", "http://", "http://a:b@images.example/a"],
)
async def test_what_is_no_url_of_an_image_is_refused(
    make_fetcher: MakeFetcher, tmp_path: Path, url: str, internet: PublicInternet
) -> None:
    told = r"is not a URL|must not contain a user name or password"
    with pytest.raises(DriverRefused, match=told):
        await make_fetcher().fetch(url, tmp_path / "a", Expected(None), ignore)
    assert internet.connected_to == []


async def test_a_server_that_nobody_runs_is_tried_again_later(
    make_fetcher: MakeFetcher, tmp_path: Path
) -> None:
    with pytest.raises(DriverUnavailable, match="cannot be fetched"):
        await make_fetcher(allow_private=True).fetch(
            "http://127.0.0.1:1/a", tmp_path / "a", Expected(None), ignore
        )


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path, "images.example")


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[HTTPServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with HTTPServer(host="127.0.0.1", ssl_context=context) as server:
        server.expect_request("/a").respond_with_data(CONTENT)
        server.expect_request("/plain").respond_with_data(
            status=302, headers={"Location": "http://images.example/a"}
        )
        yield server


async def fetch_by_tls(host: str, server: HTTPServer, path: str, certificate: Path) -> bytes:
    async def to_public(host: str, port: int) -> Sequence[str]:
        return [PUBLIC_ADDRESS]

    internet = PublicInternet(ssl.create_default_context(cafile=str(certificate)))
    fetcher = Fetcher(FetchLimits(), resolve=to_public, transport=internet)
    target = certificate.with_name("fetched")
    url = f"https://{host}:{server.port}{path}"
    await fetcher.fetch(url, target, Expected(SHA256), ignore)
    return target.read_bytes()


async def test_a_pinned_address_keeps_the_certificate_check_by_name(
    tls_server: HTTPServer, certificate: Path
) -> None:
    assert await fetch_by_tls("images.example", tls_server, "/a", certificate) == CONTENT
    with pytest.raises(DriverUnavailable, match=r"(?i)certificate"):
        await fetch_by_tls("other.example", tls_server, "/a", certificate)


async def test_a_redirect_from_https_to_http_is_refused(
    tls_server: HTTPServer, certificate: Path
) -> None:
    with pytest.raises(DriverRefused, match="from https to http"):
        await fetch_by_tls("images.example", tls_server, "/plain", certificate)


async def test_addresses_resolve_to_themselves() -> None:
    assert await resolve("127.0.0.1", 80) == ["127.0.0.1"]
