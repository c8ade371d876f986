"""A block device of a project, which outlives the instances to which it is attached.

Its data is on the host of the instance to which it was last attached; before the first attachment,
it has no data.
"""

from enum import StrEnum

import msgspec

SIZE_GIB_MIN, SIZE_GIB_MAX = 1, 65_536
VOLUMES_MAX = 12
# The kind of the operation that deletes a volume.
DELETION = "volume.delete"


class VolumeState(StrEnum):
    AVAILABLE = "available"
    ATTACHED = "attached"
    ERROR = "error"


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """`instance_id` is the instance to which it is, or will be, attached, and `leaving` says that
    it is being detached. `holder_id` is the instance whose guest has the disk now. `doing` and
    `operation_id` are the kind and the id of the last accepted operation that has not ended.
    `annotations` belong to a dialect. `requested_name` is the name as a dialect with repeatable
    names gave it, if another volume had that name."""

    id: str
    project_id: str
    name: str
    requested_name: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    size_gib: int
    region: str
    host_id: str | None = None
    instance_id: str | None = None
    leaving: bool = False
    holder_id: str | None = None
    state: VolumeState = VolumeState.AVAILABLE
    reason: str = ""
    doing: str | None = None
    operation_id: str | None = None
    version: int = 1
    created_at_ms: int
    updated_at_ms: int

    @property
    def given_name(self) -> str:
        """The name that dialects with repeatable names show."""
        return self.name if self.requested_name is None else self.requested_name

    @property
    def held_name(self) -> str | None:
        """The name that no other volume of the project can have meanwhile. One that is being
        deleted holds none."""
        return None if self.doing == DELETION else self.name or None


def target_of(volume: Volume) -> str | None:
    """Return the instance to which it is attached when all accepted operations have ended."""
    return None if volume.leaving else volume.instance_id


def serial_of(volume_id: str) -> str:
    """Return the serial number by which a guest recognizes the disk: 20 characters, the maximum of
    virtio. They are the random end of the id, so that they are unique."""
    return volume_id[-20:]
