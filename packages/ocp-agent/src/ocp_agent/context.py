"""The context of an agent: its identity, workspace, goal and previous calls.

The context is sent with calls (see `headers`), so it must not contain secrets: no arguments,
responses or credentials, only the tools that were called and the outcomes.
"""

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from typing import Any

import msgspec
from msgspec.structs import asdict

from ocp_agent.limits import HISTORY_ITEMS, RECENT_CHANGES
from ocp_agent.redaction import redacted, redacted_text
from ocp_agent.session import context_in, headers_of

AGENT_TYPE = "generic_agent"
# Fields that a server may change: neither the identity nor the history.
OPEN_TO_SERVERS = ("current_goal", "context_summary", "error_context", "recent_changes")


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def new_id() -> str:
    return f"ocp-{secrets.token_hex(4)}"


class AgentContext(msgspec.Struct):
    context_id: str = msgspec.field(default_factory=new_id)
    agent_type: str = AGENT_TYPE
    user: str | None = None
    workspace: str | None = None
    current_file: str | None = None
    session: dict[str, Any] = {}
    history: list[dict[str, Any]] = []
    current_goal: str | None = None
    context_summary: str | None = None
    error_context: str | None = None
    recent_changes: list[str] = []
    api_specs: dict[str, str] = {}
    created_at: str = msgspec.field(default_factory=now)
    last_updated: str = msgspec.field(default_factory=now)

    def __post_init__(self) -> None:
        self.session.setdefault("start_time", self.created_at)
        self.session.setdefault("interaction_count", 0)
        self.session.setdefault("agent_type", self.agent_type)

    def update_goal(self, goal: str, summary: str | None = None) -> None:
        self.current_goal = goal
        if summary:
            self.context_summary = summary
        self.session["interaction_count"] += 1
        self._touch()

    def add_interaction(
        self,
        action: str,
        api_endpoint: str | None = None,
        result: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self._touch()
        entry = {
            "timestamp": self.last_updated,
            "action": action,
            "api_endpoint": api_endpoint and redacted_text(api_endpoint),
            "result": result and redacted_text(result),
            "metadata": redacted(dict(metadata or {})),
        }
        kept = self.history[1 - HISTORY_ITEMS :]
        kept.append(entry)
        self.history = kept  # a new list, because another thread may be reading the old one
        self.session["interaction_count"] += 1

    def set_error_context(self, error: str, file_path: str | None = None) -> None:
        self.error_context = error
        self.current_file = file_path or self.current_file
        self._touch()

    def add_recent_change(self, change: str) -> None:
        self.recent_changes = [*self.recent_changes, change][-RECENT_CHANGES:]
        self._touch()

    def add_api_spec(self, name: str, url: str) -> None:
        self.api_specs[name] = url
        self._touch()

    def to_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = msgspec.to_builtins(self)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "AgentContext":
        """Return the known fields."""
        known = {name: one for name, one in data.items() if name in cls.__struct_fields__}
        return cls(**{**known, "history": redacted(known.get("history") or [])})

    def get_conversation_summary(self) -> str:
        count = self.session.get("interaction_count", 0)
        parts = [
            f"Goal: {self.current_goal}" if self.current_goal else "",
            f"Summary: {self.context_summary}" if self.context_summary else "",
            f"Working on: {self.current_file}" if self.current_file else "",
            f"Error: {self.error_context}" if self.error_context else "",
            f"Recent changes: {', '.join(self.recent_changes[-3:])}" if self.recent_changes else "",
            f"Interactions: {count}" if count else "",
        ]
        return " | ".join(part for part in parts if part) or "New conversation"

    def clone(self) -> "AgentContext":
        """Return a copy that continues from here."""
        return AgentContext.from_dict({**self.to_dict(), "context_id": new_id()})

    def to_headers(self, compress: bool = True) -> dict[str, str]:
        return headers_of(asdict(self), None, compress=compress)

    def update_from_headers(
        self, headers: Mapping[str, str], only: Collection[str] = OPEN_TO_SERVERS
    ) -> bool:
        """Apply the changes of a server; return whether there were any."""
        if not only:
            return False
        found = context_in(headers) or {}
        changed = False
        for name in OPEN_TO_SERVERS:
            value, ours = found.get(name), getattr(self, name)
            fits = isinstance(value, list if name == "recent_changes" else str)
            if name in only and fits and value != ours:
                setattr(self, name, value[-RECENT_CHANGES:] if isinstance(value, list) else value)
                changed = True
        if changed:
            self._touch()
        return changed

    def _touch(self) -> None:
        self.last_updated = now()
