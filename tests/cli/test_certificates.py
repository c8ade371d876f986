"""Servers that are reached by TLS, such as those behind a proxy."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from atoll.cli.client import Client
from atoll.cli.errors import Unreachable, Usage
from atoll.cli.settings import Server
from tests.support.certificates import make_certificate


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("authority"), "localhost")


@pytest.fixture
def server(authority: Path) -> Iterator[HTTPServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    with HTTPServer(host="localhost", ssl_context=context) as server:
        server.expect_request("/v1/regions").respond_with_json({"items": []})
        yield server


def ask(scheme: str, server: HTTPServer) -> object:
    url = f"{scheme}://localhost:{server.port}"
    return Client(Server(url=url, api_key="ak_1", origin="a test")).get("/v1/regions")


def test_a_certificate_of_an_authority_of_ones_own_is_trusted_where_it_is_named(
    server: HTTPServer, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unreachable, match=r"is not trusted: self-signed .* Set SSL_CERT_FILE"):
        ask("https", server)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    assert ask("https", server) == {"items": []}


def test_certificates_that_cannot_be_read_are_named(
    server: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(Usage, match=r"cannot read the certificates in SSL_CERT_FILE .*No such"):
        ask("https", server)


def test_tls_to_a_server_without_it_says_so(httpserver: HTTPServer) -> None:
    with pytest.raises(Unreachable, match=r"no TLS connection to .* use http:"):
        ask("https", httpserver)
