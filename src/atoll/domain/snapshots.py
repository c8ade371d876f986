"""A point-in-time copy of an instance's root volume, which outlives the instance.

A backup is a snapshot that a schedule made.
"""

from enum import StrEnum

import msgspec


class SnapshotState(StrEnum):
    PENDING = "pending"
    COMPLETE = "complete"
    ERROR = "error"


class SnapshotKind(StrEnum):
    MANUAL = "manual"
    BACKUP = "backup"


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """`image_id` is the image that its instance was made from, `annotations` are those that it had,
    `disk_gib` the size of the root volume, `size_bytes` what the snapshot takes by itself on its
    host. `copies` are further hosts that have it under the same id, or may have: they stay until it
    is deleted. One that was imported was taken of no instance: its `instance_id` is empty."""

    id: str
    project_id: str
    name: str
    description: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    kind: SnapshotKind = SnapshotKind.MANUAL
    region: str
    host_id: str | None = None
    copies: tuple[str, ...] = ()
    instance_id: str
    volume_id: str
    image_id: str
    disk_gib: int
    size_bytes: int | None = None
    state: SnapshotState = SnapshotState.PENDING
    reason: str = ""
    doing: str | None = None
    operation_id: str | None = None
    version: int = 1
    created_at_ms: int
    updated_at_ms: int

    @property
    def hosts(self) -> tuple[str, ...]:
        """All that may have it, its own first."""
        return (self.host_id, *self.copies) if self.host_id else self.copies

    @property
    def own_image(self) -> str:
        """What the image is called that stands behind it alone, where it was imported."""
        return f"snapshot {self.id}"

    @property
    def uses(self) -> frozenset[str]:
        """What it stands on: see `Instance.uses`."""
        return frozenset({self.image_id})
