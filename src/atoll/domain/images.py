"""A read-only disk or ISO to start from: a catalogue entry with a source."""

from enum import StrEnum

import msgspec

CATALOGUE = "catalogue"


class ImageState(StrEnum):
    """`pending`: listed; it is downloaded or built when it is first needed."""

    PENDING = "pending"
    IMPORTING = "importing"
    AVAILABLE = "available"
    ERROR = "error"


class SourceKind(StrEnum):
    RECIPE = "recipe"
    URL = "url"
    FILE = "file"


class ImageKind(StrEnum):
    """`iso` is an ISO image for an instance's CD drive. An instance created from an ISO image
    starts with an empty disk and that ISO."""

    DISK = "disk"
    ISO = "iso"


class ImageSource(msgspec.Struct, frozen=True, kw_only=True):
    """`location` is the name of a recipe, a URL, or a path on the host; `checksum` is `sha256:…` or
    `sha512:…` of the bytes at that location."""

    kind: SourceKind
    location: str
    checksum: str | None = None


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """`project_id` is `CATALOGUE` for images that every project sees. `alias_of` is the name of
    another image, which is used in place of this one. `checksum` is that of the copies on hosts;
    `digests` are further ones of an ISO, by the name of the algorithm."""

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
    counted: bool = False
    counted_gib: int = 0
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


# In the place of the image of an instance that was created from an ISO: its disk began empty, and
# it needs the ISO only as long as that is attached.
EMPTY_DISK = Image(
    id="", project_id=CATALOGUE, name="an empty disk",
    source=ImageSource(kind=SourceKind.RECIPE, location=""), state=ImageState.AVAILABLE,
    created_at_ms=0, updated_at_ms=0,
)  # fmt: skip
