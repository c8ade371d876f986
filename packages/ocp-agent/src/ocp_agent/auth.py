"""Credentials: put onto a request as its tool's security says, and shown to nobody.

A credential is a text (a key or a token), a (user, password) pair, or a mapping of scheme names to
these. Never kept in a file, in the context or in a log; `OCP_AUTH_<API>` in the environment is read
where none was given.
"""

import os
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ocp_agent.raw import text_at
from ocp_agent.requests import Pairs, Request
from ocp_agent.tools import OCPAPISpec, OCPTool

Credential = str | tuple[str, str]
Credentials = Credential | Mapping[str, Credential]

BEARER = {"type": "http", "scheme": "bearer"}


class Signature(msgspec.Struct, frozen=True):
    """What is added to a request."""

    headers: dict[str, str] = {}
    query: Pairs = []
    cookies: Pairs = []

    def __repr__(self) -> str:
        return "Signature(***)"


def from_environment(api_name: str) -> str | None:
    return os.environ.get("OCP_AUTH_" + re.sub(r"\W", "_", api_name).upper())


def sign(request: Request, found: Signature) -> tuple[Request, frozenset[str]]:
    """The request with its credentials, and which of its headers hold them."""
    headers = dict(found.headers)
    if found.cookies:
        ours = "; ".join(f"{name}={value}" for name, value in found.cookies)
        theirs = request.headers.get("Cookie")
        headers["Cookie"] = f"{theirs}; {ours}" if theirs else ours
    signed_request = request.with_headers(headers).with_query(found.query)
    return signed_request, frozenset(name.lower() for name in headers)


def signature(spec: OCPAPISpec, tool: OCPTool, credentials: Credentials | None) -> Signature:
    """Nothing where the tool wants nothing."""
    said = tool.shape.security
    if credentials is None or said == ():
        return Signature()
    alternatives = spec.security if said is None else said
    for alternative in sorted(alternatives, key=lambda one: not one):  # "none" comes last
        schemes = {name: spec.security_schemes.get(name, BEARER) for name in alternative}
        found = matched(schemes, credentials)
        if found is not None:
            return joined([signed(schemes[name], one) for name, one in found.items()])
    return default(spec, credentials)


def default(spec: OCPAPISpec, credentials: Credentials) -> Signature:
    """Where a tool does not say: as the only scheme that there is, or as a bearer token."""
    found = matched(spec.security_schemes, credentials) if len(spec.security_schemes) == 1 else None
    if found is None and not isinstance(credentials, Mapping):
        return signed(BEARER, credentials)
    schemes = spec.security_schemes
    chosen = found if found is not None else dict(credentials)  # type: ignore[arg-type]
    return joined([signed(schemes.get(name, BEARER), one) for name, one in chosen.items()])


def matched(schemes: Mapping[str, Any], credentials: Credentials) -> dict[str, Credential] | None:
    """A credential for each scheme, or None. A single one serves a single scheme."""
    if not isinstance(credentials, Mapping):
        return dict.fromkeys(schemes, credentials) if len(schemes) <= 1 else None
    if all(name in credentials for name in schemes):
        return {name: credentials[name] for name in schemes}
    return None


def signed(scheme: Any, credential: Credential) -> Signature:
    if isinstance(credential, str):
        credential = credential.strip()  # as it was read from a file
    kind, place = text_at(scheme, "type"), text_at(scheme, "in")
    http = text_at(scheme, "scheme").lower()
    if kind == "basic" or (kind == "http" and http == "basic") or isinstance(credential, tuple):
        pair = credential if isinstance(credential, str) else ":".join(credential)
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
    return Signature({"Authorization": f"{word} {credential}"})


def joined(parts: Sequence[Signature]) -> Signature:
    return Signature(
        {name: value for one in parts for name, value in one.headers.items()},
        [pair for one in parts for pair in one.query],
        [pair for one in parts for pair in one.cookies],
    )
