"""Writes the body of a request in its media type: JSON, a form, files, lines, or text as it is.

Pure but for the files that a caller gives. Used by `requests`.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ocp_agent.lazily import Lazily
from ocp_agent.raw import dict_at, list_at, text_at
from ocp_agent.shapes import (
    ALONE,
    FORM,
    JSON,
    MULTIPART,
    Body,
    Parameter,
    is_json,
    is_lines,
    is_yaml,
    plain_type,
)
from ocp_agent.styles import Pairs, pairs_of, text_of, unchanged

if TYPE_CHECKING:
    import mimetypes
else:
    mimetypes = Lazily("mimetypes")

OCTETS = "application/octet-stream"
STYLING = ("style", "explode", "allowReserved")
Part = tuple[Any, ...]  # name of the file or None, content, and maybe its type and headers


class Content(msgspec.Struct, frozen=True):
    """A body that is written: as bytes, or as files whose content is built when it is sent."""

    media_type: str
    shown: Any
    data: bytes | None = None
    files: list[tuple[str, Part]] | None = None


def content_of_body(body: Body, given: Mapping[str, Any]) -> Content:
    value = given.get(ALONE) if body.is_alone else dict(given)
    media_type = plain_type(body.media_type)
    if media_type == MULTIPART and isinstance(value, Mapping):
        files = [part for name, one in value.items() for part in parts_of(str(name), one, body)]
        return Content(MULTIPART, value, files=files)
    if media_type == FORM and isinstance(value, Mapping):
        pairs = [pair for name, one in value.items() for pair in form_pairs(str(name), one, body)]
        return Content(FORM, value, "&".join(f"{name}={one}" for name, one in pairs).encode())
    if is_json(media_type) and not isinstance(value, bytes):
        said = body.media_type if "json" in media_type else JSON
        return Content(said, value, msgspec.json.encode(value))
    said = OCTETS if "*" in media_type else body.media_type
    if isinstance(value, bytes):
        return Content(said, f"{len(value)} bytes", value)
    if is_lines(media_type) and isinstance(value, list):
        lines = [msgspec.json.encode(one) + b"\n" for one in value]
        return Content(said, value, b"".join(lines))
    if is_yaml(media_type) and not isinstance(value, str):  # JSON is YAML
        return Content(said, value, msgspec.json.encode(value))
    return Content(said, value, bytes_of(value))


# -- Forms -----------------------------------------------------------------------------------------


def styled(name: str, body: Body) -> Parameter | None:
    """Return the style of a field, if its Encoding Object has one; then it has no media type."""
    said = dict_at(body.encoding, name)
    if not any(key in said for key in STYLING):
        return None
    style, explode = text_at(said, "style") or "form", said.get("explode")
    exploded = explode if isinstance(explode, bool) else style == "form"
    reserved = said.get("allowReserved") is True
    return Parameter(name, name, "body", style=style, explode=exploded, reserved=reserved)


def form_pairs(name: str, value: Any, body: Body) -> Pairs:
    """Write a field: in its style, else arrays as repeated fields and objects as JSON."""
    style = styled(name, body)
    if style is None:
        media_type = text_at(dict_at(body.encoding, name), "contentType")
        is_whole = isinstance(value, Mapping) or (media_type and is_json(media_type))
        media_type = JSON if is_whole else ""
        style = Parameter(name, name, "body", explode=True, media_type=media_type)
    return [] if value is None else pairs_of(style, value)


def parts_of(name: str, value: Any, body: Body) -> Iterator[tuple[str, Part]]:
    """Write a field as parts: in its style, else arrays as repeated parts and objects as JSON."""
    said = dict_at(body.encoding, name)
    style = styled(name, body)
    if value is None:
        return
    if style is not None and not is_file(value):
        yield from ((key, (None, one.encode())) for key, one in pairs_of(style, value, unchanged))
        return
    offered = [one.strip() for one in text_at(said, "contentType").split(",") if one.strip()]
    is_whole = isinstance(value, list) and bool(offered) and is_json(offered[0])
    for one in value if isinstance(value, list) and not is_whole else [value]:
        yield name, with_headers(part_of(name, one, offered), headers_of_part(said))


def part_of(name: str, value: Any, offered: list[str]) -> Part:
    """Read a file: bytes, (name, bytes), an open file or a Path. Text is never a file name: the
    output of a model must not read this machine's disk."""
    if isinstance(value, Path):
        value = (value.name, value.read_bytes())
    elif isinstance(value, bytes):
        value = (name, value)
    elif hasattr(value, "read"):
        value = (Path(str(getattr(value, "name", name))).name, value.read())
    if isinstance(value, tuple):
        media_type = type_of_file(str(value[0]), offered)
        return (*value, media_type) if len(value) == 2 and media_type else value
    if isinstance(value, Mapping | list):
        return None, msgspec.json.encode(value), next(iter(offered), JSON)
    media_type = next((one for one in offered if "*" not in one), "")
    text = text_of(value).encode()
    return (None, text, media_type) if media_type else (None, text)


def type_of_file(name: str, offered: list[str]) -> str:
    """Choose among the types that a part may have: by the name of the file, else the first."""
    guessed = mimetypes.guess_type(name)[0] or ""
    if any(fnmatch(guessed, one) for one in offered):
        return guessed
    return next((one for one in offered if "*" not in one), OCTETS if offered else "")


def headers_of_part(said: dict[str, Any]) -> dict[str, str]:
    """Return the headers of a part whose only value the document says."""
    found = {}
    for name, header in dict_at(said, "headers").items():
        schema = dict_at(header, "schema") or (header if isinstance(header, dict) else {})
        values = [schema.get("const"), schema.get("default"), *list_at(schema, "enum")[:1]]
        value = next((one for one in values if one is not None), None)
        if value is not None and name.lower() != "content-type":
            found[name] = text_of(value)
    return found


def with_headers(part: Part, headers: dict[str, str]) -> Part:
    if not headers:
        return part
    name, content, media_type = (*part, None)[:3]
    return name, content, media_type, headers


def is_file(value: Any) -> bool:
    return isinstance(value, bytes | Path | tuple) or hasattr(value, "read")


def bytes_of(value: Any) -> bytes:
    if isinstance(value, Path):
        return value.read_bytes()
    if hasattr(value, "read"):
        read = value.read()
        return read if isinstance(read, bytes) else str(read).encode()
    return text_of(value).encode()
