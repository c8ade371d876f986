"""Converts a context to headers of a request and back, within the limits of the protocol.

Never makes a request fail: the result is always short lines of ASCII. An API sees only the calls to
itself, as many as fit into 8 KB.
"""

import binascii
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import msgspec

from ocp_agent.lazily import Lazily
from ocp_agent.limits import SESSION_BYTES
from ocp_agent.redaction import redacted, redacted_text
from ocp_agent.requests import header_value
from ocp_agent.response import CaseInsensitive

if TYPE_CHECKING:
    import gzip
else:
    gzip = Lazily("gzip")

VERSION = "1.0"
CONTEXT_ID, SESSION, AGENT_TYPE = "OCP-Context-ID", "OCP-Session", "OCP-Agent-Type"
GOAL, USER, WORKSPACE = "OCP-Current-Goal", "OCP-User", "OCP-Workspace"
OCP_VERSION = "OCP-Version"
EVERY = (CONTEXT_ID, SESSION, AGENT_TYPE, OCP_VERSION, GOAL, USER, WORKSPACE)
LONGEST = {GOAL: 256, USER: 64, WORKSPACE: 128}
NO_IDENTIFIER = re.compile(r"[^a-zA-Z0-9_.-]")
COMPRESSED = "gzip:"
# "MUST compress contexts >1KB before Base64 encoding", says the protocol. A tenth of a call.
COMPRESSED_FROM = 1_000
COMPRESSION = 1  # a few KB per call: speed matters more than ratio
DECODED_LARGEST = 1024 * 1024
HISTORY_SENT = 3  # keeps headers mostly below the size for compression
TEXT_LONGEST = 1_000
TEXTS = ("context_id", "agent_type", "user", "workspace", "current_file", "current_goal",
         "context_summary", "error_context", "created_at")  # fmt: skip
OF_THE_API = "api"  # key of the API name in the metadata of an interaction
# Fields to drop, in this order, if a context does not fit.
DISPENSABLE = ("history", "api_specs", "recent_changes", "error_context", "context_summary")
NEEDED = ("context_id", "agent_type", "created_at", "last_updated")


def headers_of(
    context: Mapping[str, Any], api_name: str | None, *, compress: bool = True
) -> dict[str, str]:
    """Build the headers. `api_name` is the receiver, which sees only its own calls."""
    headers = {
        CONTEXT_ID: cleaned(context["context_id"], 64),
        SESSION: session_of(context, api_name, compress=compress),
        AGENT_TYPE: cleaned(context["agent_type"], 128),
        OCP_VERSION: VERSION,
    }
    beside = {GOAL: "current_goal", USER: "user", WORKSPACE: "workspace"}
    for name, key in beside.items():
        text = context.get(key)
        if text and (line := short_line(redacted_text(str(text)), LONGEST[name])):
            headers[name] = line
    return headers


def context_in(headers: Mapping[str, str]) -> dict[str, Any] | None:
    """Read a context; None if it is missing or malformed."""
    said = CaseInsensitive(headers).get(SESSION)
    if not said or len(said) > SESSION_BYTES:
        return None
    try:
        decoded = b64decode(said.removeprefix(COMPRESSED), validate=True)
        if said.startswith(COMPRESSED):
            decoded = inflated(decoded)
        return msgspec.json.decode(decoded, type=dict[str, Any])
    except (binascii.Error, EOFError, OSError, ValueError):
        return None


def session_of(context: Mapping[str, Any], api_name: str | None, *, compress: bool) -> str:
    """Encode in at most 8 KB, dropping the least important fields first."""
    texts = told_texts(*(context.get(name) for name in TEXTS))
    shown = {**texts, "last_updated": context["last_updated"]}
    shown["session"] = redacted(context["session"])
    if changes := context["recent_changes"]:
        shown["recent_changes"] = redacted(changes)
    shown["history"] = last_told(context["history"], api_name)
    if url := context["api_specs"].get(api_name):
        shown["api_specs"] = {api_name: url}
    for name in (*DISPENSABLE, ""):
        encoded = encoded_session(shown, compress=compress)
        if len(encoded) <= SESSION_BYTES:
            return encoded
        shown.pop(name, None)
    return encoded_session({name: shown[name] for name in NEEDED}, compress=True)


def last_told(history: Sequence[Mapping[str, Any]], api_name: str | None) -> list[Any]:
    """Return the last calls, already redacted."""
    told: list[Any] = []
    for one in reversed(history):
        of_api = (one.get("metadata") or {}).get(OF_THE_API)
        if of_api is None or of_api == api_name:
            told.append(one)
            if len(told) == HISTORY_SENT:
                break
    return told[::-1]


def encoded_session(shown: Mapping[str, Any], *, compress: bool) -> str:
    try:
        encoded = msgspec.json.encode(shown, enc_hook=str)
    except (TypeError, UnicodeEncodeError):  # a truncated character, or keys that are not text
        encoded = json.dumps(shown, default=str, skipkeys=True).encode()
    if compress and len(encoded) > COMPRESSED_FROM:
        return COMPRESSED + b64encode(gzip.compress(encoded, COMPRESSION, mtime=0)).decode()
    return b64encode(encoded).decode()


def inflated(data: bytes) -> bytes:
    """Decompress with a limit: a small header must not expand to a large text."""
    with gzip.open(BytesIO(data)) as file:
        text = file.read(DECODED_LARGEST + 1)
    if len(text) > DECODED_LARGEST:
        raise ValueError
    return text


@lru_cache(maxsize=64)
def told_texts(*texts: Any) -> dict[str, str]:
    """Encode the fields in `TEXTS`, which rarely change between calls."""
    named = zip(TEXTS, texts, strict=True)
    return {name: redacted_text(str(text)[:TEXT_LONGEST]) for name, text in named if text}


@lru_cache(maxsize=256)
def cleaned(text: str, longest: int) -> str:
    return NO_IDENTIFIER.sub("-", text)[:longest] or "-"


@lru_cache(maxsize=256)
def short_line(text: str, longest: int) -> str:
    """Percent-encode to ASCII and truncate, never within an escape or a character."""
    line = header_value(text).strip()
    if len(line) <= longest:
        return line
    kept = text
    while len(line) > longest:
        kept = kept[: max(len(kept) * longest // len(line), 1) - 1]
        line = header_value(kept).strip()
    return line
