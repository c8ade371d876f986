"""Builds a request as its tool describes it: path, query, headers, cookies, body.

Pure: nothing is sent here. The result is a value that a dry run shows and the transport sends.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec.structs import replace

from ocp_agent.arguments import Arguments
from ocp_agent.redaction import HIDDEN, is_secret, redacted, redacted_text
from ocp_agent.shapes import (
    ALONE,
    FORM,
    JSON,
    MULTIPART,
    SLOT,
    Body,
    Parameter,
    is_json,
    plain_type,
)
from ocp_agent.tools import OCPTool

DELIMITERS = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|",
              "tabDelimited": "\t", "label": ".", "matrix": ","}  # fmt: skip
OCTETS = "application/octet-stream"
Pairs = list[tuple[str, str]]


def combined(headers: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Merge headers; later ones take precedence, ignoring case."""
    named = {name.lower() for name in more}
    return {**{name: one for name, one in headers.items() if name.lower() not in named}, **more}


class Request(msgspec.Struct, frozen=True):
    method: str
    url: str
    headers: dict[str, str] = {}
    body: Any = None  # as given, for display
    content: bytes | None = None
    files: list[tuple[str, Any]] | None = None  # then the content is built when it is sent

    def with_headers(self, more: Mapping[str, str]) -> "Request":
        return replace(self, headers=combined(self.headers, more)) if more else self

    def with_query(self, pairs: Pairs) -> "Request":
        if not pairs:
            return self
        joint = "&" if "?" in self.url else "?"
        return replace(self, url=f"{self.url}{joint}{urlencode(pairs)}")

    def shown(self, secret_headers: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Describe the request without secrets, for a dry run."""
        headers = {
            name: HIDDEN if name.lower() in secret_headers or is_secret(name) else value
            for name, value in self.headers.items()
        }
        body = self.body if self.files is None else sorted({name for name, _ in self.files})
        url = redacted_text(self.url)
        return {"method": self.method, "url": url, "headers": headers, "body": redacted(body)}


def written(tool: OCPTool, arguments: Arguments, base_url: str) -> Request:
    def given(location: str) -> Iterator[tuple[Parameter, Any]]:
        for name, value in arguments.get(location).items():
            yield tool.by_place[location, name], value

    path_values = {one.name: path_value(one, value) for one, value in given("path")}
    path = SLOT.sub(lambda found: path_values[found[1]], tool.path)
    query = [pair for one, value in given("query") for pair in pairs_of(one, value)]
    headers = {one.name: header_value(simple(one, value)) for one, value in given("header")}
    cookies = [pair for one, value in given("cookie") for pair in pairs_of(one, value)]
    if cookies:
        headers["Cookie"] = "; ".join(f"{quote(k)}={quote(v)}" for k, v in cookies)
    url = base_url.rstrip("/") + path
    for _, value in given("querystring"):
        url += "?" + (value if isinstance(value, str) else urlencode(value, doseq=True))
    request = Request(tool.method, url, headers).with_query(query)
    body = tool.shape.body
    return request if body is None else with_body(request, body, arguments.body)


# -- Values ----------------------------------------------------------------------------------------


def text_of(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Mapping | list):
        return msgspec.json.encode(value).decode()
    return str(value)


def flat(value: Any, *, explode: bool) -> list[str]:
    """List the items of an array, or the names and values of an object."""
    if isinstance(value, Mapping):
        items = [(str(name), text_of(one)) for name, one in value.items()]
        return (
            [f"{n}={v}" for n, v in items] if explode else [part for item in items for part in item]
        )
    return [text_of(one) for one in value] if isinstance(value, list) else [text_of(value)]


def path_value(parameter: Parameter, value: Any) -> str:
    """Encode a value, so that it stays within its path segment."""
    parts = [quote(part, safe="") for part in flat(value, explode=parameter.explode)]
    if parameter.style == "matrix":
        if parameter.explode and isinstance(value, list):
            return "".join(f";{parameter.name}={part}" for part in parts)
        return f";{parameter.name}={','.join(parts)}"
    if parameter.style == "label":
        return "." + ("." if parameter.explode else ",").join(parts)
    return ",".join(parts)


def pairs_of(parameter: Parameter, value: Any) -> Pairs:
    name = parameter.name
    if parameter.media_type:
        return [(name, msgspec.json.encode(value).decode())]
    if isinstance(value, Mapping):
        if parameter.style == "deepObject":
            return [pair for key, one in value.items() for pair in deep(f"{name}[{key}]", one)]
        if parameter.explode:
            return [(str(key), text_of(one)) for key, one in value.items()]
    if isinstance(value, list) and parameter.explode:
        return [(name, text_of(one)) for one in value]
    return [(name, DELIMITERS.get(parameter.style, ",").join(flat(value, explode=False)))]


def deep(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from deep(f"{name}[{key}]", one)
    elif isinstance(value, list):
        yield from ((f"{name}[]", text_of(one)) for one in value)
    else:
        yield name, text_of(value)


def simple(parameter: Parameter, value: Any) -> str:
    if parameter.media_type:
        return msgspec.json.encode(value).decode()
    return ",".join(flat(value, explode=parameter.explode))


def header_value(text: str) -> str:
    """Encode as one line of ASCII, with percent-encoding."""
    return quote(" ".join(text.splitlines()), safe=PRINTABLE, errors="replace")


PRINTABLE = "".join(map(chr, range(32, 127)))

# -- Bodies ----------------------------------------------------------------------------------------


def with_body(request: Request, body: Body, given: Mapping[str, Any]) -> Request:
    if not given and not body.required:
        return request
    value = given.get(ALONE) if body.is_alone else dict(given)
    media_type = plain_type(body.media_type)
    if media_type == MULTIPART and isinstance(value, Mapping):
        files = [part for name, one in value.items() for part in parts_of(str(name), one)]
        return replace(request, body=value, files=files)
    if media_type == FORM and isinstance(value, Mapping):
        pairs = [pair for name, one in value.items() for pair in form_pairs(str(name), one)]
        content, said = urlencode(pairs).encode(), FORM
    elif is_json(media_type) and not isinstance(value, bytes):
        content = msgspec.json.encode(value)
        said = body.media_type if media_type.endswith("json") else JSON
    else:
        content = value if isinstance(value, bytes) else bytes_of(value)
        said = OCTETS if "*" in media_type else body.media_type
    shown = value if not isinstance(value, bytes) else f"{len(value)} bytes"
    return replace(request, body=shown, content=content).with_headers({"Content-Type": said})


def form_pairs(name: str, value: Any) -> Pairs:
    if isinstance(value, list):
        return [(name, text_of(one)) for one in value]
    return [(name, text_of(value))]


def parts_of(name: str, value: Any) -> list[tuple[str, Any]]:
    """Read a file: bytes, (name, bytes), an open file or a Path. Text is never a file name: the
    output of a model must not read this machine's disk."""
    if isinstance(value, list):
        return [part for one in value for part in parts_of(name, one)]
    if isinstance(value, Path):
        return [(name, (value.name, value.read_bytes()))]
    if isinstance(value, bytes):
        return [(name, (name, value))]
    if isinstance(value, tuple):
        return [(name, value)]
    if hasattr(value, "read"):
        return [(name, (Path(str(getattr(value, "name", name))).name, value.read()))]
    return [(name, (None, text_of(value).encode()))]


def bytes_of(value: Any) -> bytes:
    if isinstance(value, Path):
        return value.read_bytes()
    if hasattr(value, "read"):
        read = value.read()
        return read if isinstance(read, bytes) else str(read).encode()
    return text_of(value).encode()
