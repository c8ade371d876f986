"""A context as headers of a request, and back: the protocol's words and its bounds.

Never makes a request fail: whatever a context holds, what comes out is short lines of ASCII. An API
is told of the calls to itself only, and of as many as fit into 8 KB.
"""

import binascii
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
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
COMPRESSED = "gzip:"
COMPRESSED_FROM = 1_000
COMPRESSION = 1  # a few KB once a call: the speed of it matters more than the last percent
DECODED_LARGEST = 1024 * 1024
HISTORY_SENT = 20
TEXT_LONGEST = 1_000
OF_THE_API = "api"  # whose call it was, in an interaction's metadata
# What may go, in this order, when a context does not fit.
DISPENSABLE = ("history", "api_specs", "recent_changes", "error_context", "context_summary")
NEEDED = ("context_id", "agent_type", "created_at", "last_updated")


def headers_of(
    context: Mapping[str, Any], api_name: str | None, *, compress: bool = True
) -> dict[str, str]:
    """`api_name`: the API that it goes to, whose calls are told."""
    headers = {
        CONTEXT_ID: cleaned(context["context_id"], r"[^a-zA-Z0-9-]", 64),
        SESSION: session_of(context, api_name, compress=compress),
        AGENT_TYPE: cleaned(context["agent_type"], r"[^a-zA-Z0-9_.-]", 128),
        OCP_VERSION: VERSION,
    }
    beside = {GOAL: "current_goal", USER: "user", WORKSPACE: "workspace"}
    for name, key in beside.items():
        text = context.get(key)
        if text and (line := short_line(redacted_text(str(text)), LONGEST[name])):
            headers[name] = line
    return headers


def context_in(headers: Mapping[str, str]) -> dict[str, Any] | None:
    """None where there is none, or none that can be read."""
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
    """Encoded in at most 8 KB: what is least needed goes first, the oldest calls before all."""
    history = [one for one in context["history"] if is_told(one, api_name)]
    specs = {name: url for name, url in context["api_specs"].items() if name == api_name}
    told = {**context, "history": history[-HISTORY_SENT:], "api_specs": specs}
    shown = {name: short(value) for name, value in redacted(told).items()}
    for name in (*DISPENSABLE, ""):
        encoded = encoded_session(shown, compress=compress)
        while len(encoded) > SESSION_BYTES and name == "history" and shown["history"]:
            shown["history"] = shown["history"][len(shown["history"]) // 2 + 1 :]
            encoded = encoded_session(shown, compress=compress)
        if len(encoded) <= SESSION_BYTES:
            return encoded
        if name:
            shown[name] = type(shown[name])() if isinstance(shown[name], list | dict) else None
    return encoded_session({name: shown[name] for name in NEEDED}, compress=True)


def is_told(interaction: Mapping[str, Any], api_name: str | None) -> bool:
    of_api = (interaction.get("metadata") or {}).get(OF_THE_API)
    return of_api is None or of_api == api_name


def encoded_session(shown: Mapping[str, Any], *, compress: bool) -> str:
    try:
        encoded = msgspec.json.encode(shown, enc_hook=str)
    except (TypeError, UnicodeEncodeError):  # half a character, or keys that are no text
        encoded = json.dumps(shown, default=str, skipkeys=True).encode()
    if compress and len(encoded) > COMPRESSED_FROM:
        return COMPRESSED + b64encode(gzip.compress(encoded, COMPRESSION, mtime=0)).decode()
    return b64encode(encoded).decode()


def inflated(data: bytes) -> bytes:
    """A small header must not become a large text."""
    with gzip.open(BytesIO(data)) as file:
        text = file.read(DECODED_LARGEST + 1)
    if len(text) > DECODED_LARGEST:
        raise ValueError
    return text


def short(value: Any) -> Any:
    return value[:TEXT_LONGEST] if isinstance(value, str) else value


def cleaned(text: str, forbidden: str, longest: int) -> str:
    return re.sub(forbidden, "-", text)[:longest] or "-"


def short_line(text: str, longest: int) -> str:
    """What is no ASCII percent-encoded; cut, but never within an escape or a character."""
    line = header_value(text).strip()
    if len(line) <= longest:
        return line
    kept = text
    while len(line) > longest:
        kept = kept[: max(len(kept) * longest // len(line), 1) - 1]
        line = header_value(kept).strip()
    return line
