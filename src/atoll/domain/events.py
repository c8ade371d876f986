"""Facts that happened: events (for whoever watches) and audit (for whoever asks who did it)."""

from typing import Any

import msgspec


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
    id: str
    project_id: str
    key_id: str
    dialect: str
    request_id: str
    action: str
    resource_id: str
    operation_id: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    at_ms: int


class IdempotencyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The first answer to a mutation that came with an Idempotency-Key."""

    key_id: str
    key: str
    fingerprint: bytes
    status: int
    body: bytes
    at_ms: int
