"""A read-only disk, or disc, to start from: a catalogue entry with a source."""

from enum import StrEnum

import msgspec

CATALOGUE = "catalogue"


class ImageState(StrEnum):
    """`pending`: listed, and fetched or built when it is first needed."""

    PENDING = "pending"
    IMPORTING = "importing"
    AVAILABLE = "available"
    ERROR = "error"


class SourceKind(StrEnum):
    RECIPE = "recipe"
    URL = "url"
    FILE = "file"


class ImageKind(StrEnum):
    """`iso` is a disc, which goes into an instance's CD drive as it is. An instance that is made
    from one begins with an empty disk and that disc."""

    DISK = "disk"
    ISO = "iso"


class ImageSource(msgspec.Struct, frozen=True, kw_only=True):
    """`location` is a recipe's name, a URL, or a path on the host; `checksum` is
    `sha256:…` or `sha512:…` of the bytes as they come from there."""

    kind: SourceKind
    location: str
    checksum: str | None = None


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """`project_id` is `CATALOGUE` for what every project sees. `alias_of` names another image:
    whoever asks for this one gets that one. `checksum` is of what hosts keep; `digests` are further
    ones of a disc, by their algorithm's name."""

    id: str
    project_id: str
    name: str
    kind: ImageKind = ImageKind.DISK
    image_version: str = ""
    os: str = ""
    description: str = ""
    labels: dict[str, str] = {}
    source: ImageSource
    alias_of: str | None = None
    state: ImageState = ImageState.PENDING
    reason: str = ""
    disk_gib_min: int = 1
    memory_mib_min: int = 64
    size_bytes: int | None = None
    virtual_size_bytes: int | None = None
    checksum: str | None = None
    digests: dict[str, str] = {}
    doing: str | None = None
    operation_id: str | None = None
    version: int = 1
    created_at_ms: int
    updated_at_ms: int
