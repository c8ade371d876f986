"""APIs that the registry has as tools, besides those that Atoll itself serves."""

import re

import msgspec

from atoll.domain.errors import Invalid
from atoll.domain.reasons import Reason

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# Served by Atoll itself: a document under such a name would speak for it.
OWN = frozenset({"atoll", "vultr", "genesiscloud", "awx"})
VERSIONS_MAX = 20


class ApiVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A document as it was added: the `number` rises by one, `title` and `version` are the
    document's own words, `tools` counts its operations, `digest` is `sha256:…` of its text."""

    number: int
    document_id: str
    title: str
    version: str
    description: str
    base_url: str
    tools: int
    digest: str
    added_at_ms: int


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """`versions` from the oldest on; of the newest are the tools."""

    id: str
    project_id: str
    name: str
    display_name: str = ""
    category: str = ""
    versions: tuple[ApiVersion, ...]
    version: int = 1
    created_at_ms: int

    @property
    def newest(self) -> ApiVersion:
        return self.versions[-1]


class ApiDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The text of one version, compressed by zlib."""

    id: str
    compressed: bytes
    version: int = 1


def require_name(name: str) -> None:
    """Raises Invalid."""
    if not NAME.fullmatch(name):
        raise Invalid(Reason.API_NAME, field="name")
    if name in OWN:
        raise Invalid(Reason.API_NAME_RESERVED, field="name", value=name)
