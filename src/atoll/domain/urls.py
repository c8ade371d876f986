"""Addresses of the web, as far as rules need them."""

WEB = ("http://", "https://")


def is_web(url: str) -> bool:
    """Tell whether it begins as an HTTP or HTTPS URL; the scheme may be in capitals (RFC 3986,
    section 3.1)."""
    return url.lower().startswith(WEB)
