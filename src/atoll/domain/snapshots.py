"""A point-in-time copy of an instance's root volume, which outlives the instance.

A backup is a snapshot that a schedule created.
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
    """`image_id` is the image from which its instance was created; empty if there is none.
    `annotations` are those of that instance, `disk_gib` the size of the root volume, `size_bytes`
    the space that the snapshot alone needs on its host. `copies` are further hosts that have it
    under the same id, or may have it: they stay until it is deleted. An imported snapshot has an
    empty `instance_id`."""

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
        """Return all hosts that may have it, its own first."""
        return (self.host_id, *self.copies) if self.host_id else self.copies

    @property
    def own_image(self) -> str:
        """Return the name of the hidden image of an imported snapshot."""
        return f"snapshot {self.id}"

    @property
    def uses(self) -> frozenset[str]:
        """Return the ids of the resources that it needs: see `Instance.uses`."""
        return frozenset({self.image_id} - {""})
