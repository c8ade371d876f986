"""Certificates of servers that are reached by TLS."""

import ssl

import httpx2

from atoll.cli.errors import Usage

FILE, DIRECTORY = "SSL_CERT_FILE", "SSL_CERT_DIR"


def load(url: str) -> ssl.SSLContext:
    """Return the authorities that are trusted for the server: those of the environment, or else of
    the system. Without TLS none are loaded, which takes longer than a request. Raises Usage if they
    cannot be read."""
    if not url.lower().startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        raise Usage(f"cannot read the certificates in {FILE} or {DIRECTORY}: {error}") from error


def explain(error: BaseException | None, server: object) -> str | None:
    """Return a sentence about a failed TLS handshake, if that is the cause of the error."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return (
                f"the certificate of {server} is not trusted: {error.verify_message}. Set {FILE} "
                "to the certificate of its authority"
            )
        if isinstance(error, ssl.SSLError):
            return (
                f"no TLS connection to {server}: {error.reason}; if it uses plain HTTP, use http:"
            )
        error = error.__cause__ or error.__context__
    return None
