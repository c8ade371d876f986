"""Timers: one row for each action that is due at some time."""

from enum import StrEnum

import msgspec


class TimerKind(StrEnum):
    """`expire`: the instance is deleted. `purge`: a deleted instance can no longer be recovered.
    `backup`: a snapshot is created, and the timer is set again. `restart`: a guest that crashed
    repeatedly is started again."""

    EXPIRE = "expire"
    PURGE = "purge"
    BACKUP = "backup"
    RESTART = "restart"


class Backups(msgspec.Struct, frozen=True, kw_only=True):
    """`cron` has five fields, in UTC; the newest `keep` complete backups are kept."""

    cron: str
    keep: int


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """An instance has at most one timer of each kind, so kind and instance make up the id."""

    id: str
    project_id: str
    kind: TimerKind
    instance_id: str
    due_at_ms: int
    backups: Backups | None = None
    version: int = 1


def timer_id(kind: TimerKind, instance_id: str) -> str:
    return f"{kind}:{instance_id}"
