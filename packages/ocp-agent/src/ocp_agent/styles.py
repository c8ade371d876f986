"""Writes values in the styles of OpenAPI: each value is encoded first, then the delimiters join
them (RFC 6570), so that a comma within a value is not one between values.

Pure, used by `requests` and `contents`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from ocp_agent.shapes import Parameter, is_json

DELIMITERS = {"form": ",", "simple": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C",
              "tabDelimited": "%09", "label": ".", "matrix": ","}  # fmt: skip
# Reserved characters that may stay as they are, without those that would end a query or a path.
RESERVED = {"query": ":/?@!$'()*,;=[]", "path": ":@!$&'()*+,;=/"}
LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
Pairs = list[tuple[str, str]]
Encode = Callable[[str], str]


def encoded(text: str) -> str:
    return quote(text, safe="", errors="replace")


def encoder(parameter: Parameter, place: str) -> Encode:
    if not parameter.reserved:
        return encoded

    def kept(text: str) -> str:
        escaped = LONE_PERCENT.sub("%25", text)
        return quote(escaped, safe=RESERVED[place] + "%", errors="replace")

    return kept


def unchanged(text: str) -> str:
    return text


def text_of(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, Mapping | list):
        return msgspec.json.encode(value).decode()
    return str(value)


def content_of(media_type: str, value: Any) -> str:
    """Write a value as a media type; text stays text unless the type is JSON."""
    if isinstance(value, str) and not is_json(media_type):
        return value
    return msgspec.json.encode(value).decode()


def members(value: Any, encode: Encode, *, explode: bool) -> list[str]:
    """Encode the items of an array, or the names and values of an object, without nulls."""
    if isinstance(value, Mapping):
        items = [
            (encode(str(name)), encode(text_of(one)))
            for name, one in value.items()
            if one is not None
        ]
        named = [f"{name}={one}" for name, one in items]
        return named if explode else [part for item in items for part in item]
    if isinstance(value, list):
        return [encode(text_of(one)) for one in value if one is not None]
    return [encode(text_of(value))]


def is_simple(parameter: Parameter, value: Any) -> bool:
    """Whether the value is written as it is, but for its encoding: most are."""
    is_plain = parameter.style == "simple" and not parameter.media_type
    return isinstance(value, str) and is_plain and not parameter.reserved


def path_value(parameter: Parameter, value: Any) -> str:
    """Encode a value, so that it stays within its path segment."""
    if is_simple(parameter, value):
        return encoded(value)
    encode, name = encoder(parameter, "path"), encoded(parameter.name)
    if parameter.media_type:
        return encode(content_of(parameter.media_type, value))
    parts = members(value, encode, explode=parameter.explode)
    is_list, is_object = isinstance(value, list), isinstance(value, Mapping)
    if parameter.style == "matrix":
        if parameter.explode and (is_list or is_object):
            return "".join(f";{part}" if is_object else f";{name}={part}" for part in parts)
        return f";{name}={','.join(parts)}" if parts != [""] else f";{name}"
    if parameter.style == "label":
        return "." + ("." if parameter.explode else ",").join(parts)
    return ",".join(parts)


def pairs_of(parameter: Parameter, value: Any, encode: Encode | None = None) -> Pairs:
    """Write a value as the names and values of a query, a form or cookies."""
    encode = encode or encoder(parameter, "query")
    encode_name = unchanged if encode is unchanged else encoded
    name, style, explode = encode_name(parameter.name), parameter.style, parameter.explode
    if parameter.media_type:
        return [(name, encode(content_of(parameter.media_type, value)))]
    if isinstance(value, Mapping | list) and style == "deepObject":
        return [(encode_name(key), encode(text)) for key, text in deep(parameter.name, value)]
    if isinstance(value, Mapping) and explode:
        return [
            (encode_name(str(key)), encode(text_of(one)))
            for key, one in value.items()
            if one is not None
        ]
    parts = members(value, encode, explode=False)
    if isinstance(value, list) and explode:
        return [(name, part) for part in parts]
    delimiter = DELIMITERS.get(style, ",")
    if style == "pipeDelimited" and any(delimiter in part for part in parts):
        delimiter = "|"  # not quite valid in a URL, but else nobody could tell the values apart
    return [(name, delimiter.join(parts))] if parts else []


def deep(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Name each value by its way: `filter[size][gt]`. Objects of a list are numbered."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from deep(f"{name}[{key}]", one)
    elif isinstance(value, list):
        is_plain = not any(isinstance(one, Mapping | list) for one in value)
        for number, one in enumerate(value):
            yield from deep(f"{name}[]" if is_plain else f"{name}[{number}]", one)
    elif value is not None:
        yield name, text_of(value)


def header_text(parameter: Parameter, value: Any) -> str:
    """Write a value as a header, which is not encoded but for commas within items."""
    if parameter.media_type:
        return content_of(parameter.media_type, value)
    if not isinstance(value, Mapping | list):
        return text_of(value)
    return ",".join(
        members(value, lambda text: text.replace(",", "%2C"), explode=parameter.explode)
    )
