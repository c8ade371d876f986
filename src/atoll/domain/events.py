"""Facts that happened: events (for clients that watch) and audit records (for auditors)."""

from typing import Any

import msgspec

from atoll.domain.agents import Agent

# Every kind of event, by noun.
VERBS: dict[str, tuple[str, ...]] = {
    "backup": ("skipped",),
    "floating_ip": ("created", "updated", "attached", "detached", "deleted"),
    "host": ("removed",),
    "image": ("updated", "available", "error", "deleted"),
    "instance": (
        "updated", "running", "ready", "halted", "resumed", "stopped", "crashed", "error",
        "resized", "reinstalled", "restored", "expired", "deleted", "purged",
    ),
    "network": ("attached", "detached"),
    "operation": ("accepted", "done", "failed", "cancelled"),
    "security_group": ("created", "updated", "deleted"),
    "snapshot": ("updated", "complete", "error", "deleted"),
    "ssh_key": ("created", "updated", "deleted"),
    "startup_script": ("created", "updated", "deleted"),
    "subnet": ("created", "updated", "deleted"),
    "volume": ("created", "updated", "attached", "detached", "grown", "error", "deleted"),
    "vpc": ("created", "updated", "deleted"),
    "webhook": ("created", "updated", "deleted"),
}  # fmt: skip
KINDS = tuple(f"{noun}.{verb}" for noun, verbs in VERBS.items() for verb in verbs)
# What a webhook can subscribe to: one kind, all kinds of a noun, or all events.
EVERYTHING = "*"
PATTERNS = (EVERYTHING, *(f"{noun}.*" for noun in VERBS), *KINDS)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`seq` is assigned by the store, and increases in the order in which readers see the
    events."""

    project_id: str
    kind: str
    resource_id: str
    operation_id: str | None = None
    data: dict[str, Any] = {}
    at_ms: int
    seq: str = ""


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`command` is the request, with secrets and long texts as digests."""

    id: str
    project_id: str
    key_id: str
    dialect: str
    request_id: str
    agent: Agent | None = None
    action: str
    command: dict[str, Any] = {}
    resource_id: str
    operation_id: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    at_ms: int


class IdempotencyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a change that had an Idempotency-Key, in `body`. `status` is 0; a used console
    token has 101, and records of earlier versions have an HTTP status."""

    key_id: str
    key: str
    fingerprint: bytes
    status: int
    body: bytes
    at_ms: int
