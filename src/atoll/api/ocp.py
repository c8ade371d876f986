"""The context headers of the Open Context Protocol, level 2: read, and stored with the audit
record.

A malformed header is ignored: a context never makes a request fail. Formats and limits are those of
the protocol's specification, "Headers". `OCP-Session` contains the agent's whole history and is not
read.
"""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from atoll.domain.agents import Agent

FORMS = {
    b"ocp-context-id": ("context_id", re.compile(r"[a-zA-Z0-9-]{1,64}")),
    b"ocp-agent-type": ("agent_type", re.compile(r"[a-zA-Z0-9_.-]{1,128}")),
    b"ocp-current-goal": ("goal", re.compile(r"[ -~]{1,256}")),
    b"ocp-user": ("user", re.compile(r"[ -~]{1,64}")),
    b"ocp-workspace": ("workspace", re.compile(r"[ -~]{1,128}")),
}
PREFIX = b"ocp-"
# Declared in the documents of the dialects, with the protocol's extensions of OpenAPI.
IN_INFO: dict[str, Any] = {
    "x-ocp-enabled": True, "x-ocp-context-aware": True, "x-ocp-version": "1.0",
}  # fmt: skip
IN_MUTATION: dict[str, Any] = {
    "enhances_with": ["agent_goal", "workspace_context"], "requires_context": False,
}  # fmt: skip


def agent_in(headers: Iterable[tuple[bytes, bytes]]) -> Agent | None:
    """Return None if no header is well-formed. Texts are percent-encoded if they are not ASCII."""
    found: dict[str, str] = {}
    for name, value in headers:
        if not name.startswith(PREFIX) or name not in FORMS:
            continue
        field, form = FORMS[name]
        text = value.decode("latin-1")
        if form.fullmatch(text):
            found[field] = plain(text)
    return Agent(**found) if found else None


def plain(text: str) -> str:
    """Remove control characters, which an encoding may hide."""
    return "".join(c for c in unquote(text) if c.isprintable())
