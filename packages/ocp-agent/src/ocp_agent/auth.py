"""Adds credentials to a request, as the security of its tool requires, and never reveals them.

A credential is a text (a key or a token), a (user, password) pair, or a mapping of scheme names to
these. Credentials are never stored in a file, the context or a log. The default is `OCP_AUTH_<API>`
in the environment.
"""

import os
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ocp_agent.raw import text_at
from ocp_agent.requests import Request
from ocp_agent.styles import Pairs
from ocp_agent.tools import OCPAPISpec, OCPTool

Credential = str | tuple[str, str]
Credentials = Credential | Mapping[str, Credential]

BEARER = {"type": "http", "scheme": "bearer"}


class Signature(msgspec.Struct, frozen=True):
    """Headers, parameters and cookies to add to a request."""

    headers: dict[str, str] = {}
    query: Pairs = []
    cookies: Pairs = []

    def __repr__(self) -> str:
        return "Signature(***)"


def from_environment(api_name: str) -> str | None:
    return os.environ.get("OCP_AUTH_" + re.sub(r"\W", "_", api_name).upper())


def sign(request: Request, found: Signature) -> tuple[Request, frozenset[str]]:
    """Return the request with credentials, and the names of the headers that contain them."""
    headers = dict(found.headers)
    if found.cookies:
        ours = "; ".join(f"{name}={value}" for name, value in found.cookies)
        theirs = request.headers.get("Cookie")
        headers["Cookie"] = f"{theirs}; {ours}" if theirs else ours
    signed_request = request.with_headers(headers).with_query(found.query)
    return signed_request, frozenset(name.lower() for name in headers)


def signature(spec: OCPAPISpec, tool: OCPTool, credentials: Credentials | None) -> Signature:
    """Build the additions; none if the tool needs no credentials."""
    said = tool.shape.security
    if credentials is None or said == ():
        return Signature()
    alternatives = spec.security if said is None else said
    for alternative in sorted(alternatives, key=lambda one: not one):  # empty ones last
        schemes = {name: spec.security_schemes.get(name, BEARER) for name in alternative}
        found = matched(schemes, credentials)
        if found is not None:
            return joined([signed(schemes[name], one) for name, one in found.items()])
    return default(spec, credentials)


def default(spec: OCPAPISpec, credentials: Credentials) -> Signature:
    """For a tool without security: use the only scheme of the API, or a bearer token."""
    found = matched(spec.security_schemes, credentials) if len(spec.security_schemes) == 1 else None
    if found is None and not isinstance(credentials, Mapping):
        return signed(BEARER, credentials)
    schemes = spec.security_schemes
    chosen = found if found is not None else dict(credentials)  # type: ignore[arg-type]
    return joined([signed(schemes.get(name, BEARER), one) for name, one in chosen.items()])


def matched(schemes: Mapping[str, Any], credentials: Credentials) -> dict[str, Credential] | None:
    """Choose a credential for each scheme, or None. A single one fits a single scheme."""
    if not isinstance(credentials, Mapping):
        return dict.fromkeys(schemes, credentials) if len(schemes) <= 1 else None
    if all(name in credentials for name in schemes):
        return {name: credentials[name] for name in schemes}
    return None


def signed(scheme: Any, credential: Credential) -> Signature:
    if isinstance(credential, str):
        credential = credential.strip()  # a key read from a file may end with a line break
    kind, place = text_at(scheme, "type"), text_at(scheme, "in")
    http = text_at(scheme, "scheme").lower()
    if kind == "basic" or (kind == "http" and http == "basic") or isinstance(credential, tuple):
        pair = credential if isinstance(credential, str) else ":".join(credential)
        if is_written(pair, "Basic"):
            return Signature({"Authorization": pair})
        pair = pair if ":" in pair else f"{pair}:"
        return Signature({"Authorization": f"Basic {b64encode(pair.encode()).decode()}"})
    if kind == "apiKey":
        name = text_at(scheme, "name") or "Authorization"
        if place == "query":
            return Signature(query=[(name, credential)])
        if place == "cookie":
            return Signature(cookies=[(name, credential)])
        return Signature({name: credential})
    word = "Bearer" if kind != "http" or http in {"", "bearer"} else http.capitalize()
    is_whole = is_written(credential, word)
    return Signature({"Authorization": credential if is_whole else f"{word} {credential}"})


def is_written(credential: str, word: str) -> bool:
    """Whether the credential already starts with the word of its scheme, as in a header."""
    return credential[: len(word) + 1].lower() == f"{word} ".lower()


def joined(parts: Sequence[Signature]) -> Signature:
    return Signature(
        {name: value for one in parts for name, value in one.headers.items()},
        [pair for one in parts for pair in one.query],
        [pair for one in parts for pair in one.cookies],
    )
