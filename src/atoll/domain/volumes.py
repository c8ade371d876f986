"""A block device of a project's own, which outlives the instances that it is attached to.

Its bytes are on the host of the instance that it was attached to last; before the first there are
none.
"""

from enum import StrEnum

import msgspec

SIZE_GIB_MIN, SIZE_GIB_MAX = 1, 65_536
VOLUMES_MAX = 12


class VolumeState(StrEnum):
    AVAILABLE = "available"
    ATTACHED = "attached"
    ERROR = "error"


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """`instance_id` is the one that it shall be in, from the wish on; `state` says whether it is.
    `doing` is the kind of the operation that goes on about it: there is one at a time.
    `annotations` are a dialect's own."""

    id: str
    project_id: str
    name: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    size_gib: int
    region: str
    host_id: str | None = None
    instance_id: str | None = None
    state: VolumeState = VolumeState.AVAILABLE
    reason: str = ""
    doing: str | None = None
    operation_id: str | None = None
    version: int = 1
    created_at_ms: int
    updated_at_ms: int


def serial_of(volume_id: str) -> str:
    """The serial number by which a guest knows the disk, as long as virtio allows: 20 characters.
    The random end of the id, so that two volumes do not share it."""
    return volume_id[-20:]
