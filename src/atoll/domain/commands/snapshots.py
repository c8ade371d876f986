"""Commands on snapshots."""

from atoll.domain.commands.base import Command, Reference
from atoll.domain.images import ImageSource


class CreateSnapshot(Command, frozen=True, kw_only=True):
    name: str
    labels: dict[str, str] = {}
    description: str = ""
    instance: Reference


class UpdateSnapshot(Command, frozen=True, kw_only=True):
    snapshot: Reference
    name: str | None = None
    labels: dict[str, str] | None = None
    description: str | None = None


class CloneSnapshot(Command, frozen=True, kw_only=True):
    """Copy a snapshot to another region. Without a name, the copy gets the name of the original.
    `annotations` are merged into those of the original."""

    snapshot: Reference
    region: str
    name: str | None = None
    annotations: dict[str, str] = {}


class ImportSnapshot(Command, frozen=True, kw_only=True):
    name: str
    description: str = ""
    source: ImageSource
    region: str | None = None


class DeleteSnapshot(Command, frozen=True, kw_only=True):
    snapshot: Reference
