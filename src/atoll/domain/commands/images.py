"""Commands on images."""

from atoll.domain.commands.base import Command, Reference
from atoll.domain.images import ImageKind, ImageSource


class CreateImage(Command, frozen=True, kw_only=True):
    """Create an image from a `source`, or an alias of another image. `free_name`: if the name is
    taken, a free name is derived from it."""

    name: str
    labels: dict[str, str] = {}
    kind: ImageKind = ImageKind.DISK
    source: ImageSource | None = None
    alias_of: str | None = None
    os: str = ""
    image_version: str = ""
    description: str = ""
    disk_gib_min: int = 1
    memory_mib_min: int = 64
    free_name: bool = False


class UpdateImage(Command, frozen=True, kw_only=True):
    """An empty `alias_of` turns an alias into an image again."""

    image: Reference
    name: str | None = None
    labels: dict[str, str] | None = None
    alias_of: str | None = None


class ImportImage(Command, frozen=True, kw_only=True):
    """Import a listed image now, or again after a failure."""

    image: Reference


class DeleteImage(Command, frozen=True, kw_only=True):
    image: Reference
