"""Facts that happened: events (for whoever watches) and audit (for whoever asks who did it)."""

from typing import Any

import msgspec

from atoll.domain.agents import Agent

# Every kind that is ever written, by noun.
VERBS: dict[str, tuple[str, ...]] = {
    "backup": ("skipped",),
    "floating_ip": ("created", "updated", "attached", "detached", "deleted"),
    "host": ("removed",),
    "image": ("updated", "available", "error", "deleted"),
    "instance": (
        "updated", "running", "ready", "stopped", "crashed", "error", "resized", "reinstalled",
        "restored", "expired", "deleted", "purged",
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
# What a webhook may be told of: one kind, all of a noun, or everything.
EVERYTHING = "*"
PATTERNS = (EVERYTHING, *(f"{noun}.*" for noun in VERBS), *KINDS)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`seq` is given by the store, and rises in the order in which readers see the events."""

    project_id: str
    kind: str
    resource_id: str
    operation_id: str | None = None
    data: dict[str, Any] = {}
    at_ms: int
    seq: str = ""


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`command` is what was asked for, with secrets and long texts as digests."""

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
    """The outcome of a mutation that came with an Idempotency-Key, in `body`. The `status` is 0;
    a console's token that was used has 101, and those of earlier versions a status of HTTP."""

    key_id: str
    key: str
    fingerprint: bytes
    status: int
    body: bytes
    at_ms: int
