"""What shall happen at a time: one row for each thing that is due some day."""

from enum import StrEnum

import msgspec


class TimerKind(StrEnum):
    """`expire`: the instance is deleted. `purge`: a deleted instance can no longer be recovered.
    `backup`: a snapshot is taken, and the timer is set anew. `restart`: a guest that crashed again
    and again is started once more."""

    EXPIRE = "expire"
    PURGE = "purge"
    BACKUP = "backup"
    RESTART = "restart"


class Backups(msgspec.Struct, frozen=True, kw_only=True):
    """`cron` has five fields and means UTC; of the complete backups the newest `keep` stay."""

    cron: str
    keep: int


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """An instance has at most one of each kind, so the kind and the instance make the id."""

    id: str
    project_id: str
    kind: TimerKind
    instance_id: str
    due_at_ms: int
    backups: Backups | None = None
    version: int = 1


def timer_id(kind: TimerKind, instance_id: str) -> str:
    return f"{kind}:{instance_id}"
