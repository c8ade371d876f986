"""APIs whose operations the registry offers as tools, besides the APIs of Atoll itself."""

import re

import msgspec

from atoll.domain.errors import Invalid
from atoll.domain.reasons import Reason

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# Names of Atoll's own APIs: a document with such a name could impersonate them.
OWN = frozenset({"atoll", "vultr", "genesiscloud", "awx"})
VERSIONS_MAX = 20


class ApiVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a document. `number` increases by one; `title` and `version` are copied from
    the document; `tools` is the number of its operations; `digest` is `sha256:…` of its text."""

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
    """`versions` are sorted from old to new; the newest provides the tools."""

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
    """The text of one version, compressed with zlib."""

    id: str
    compressed: bytes
    version: int = 1


def require_name(name: str) -> None:
    """Check the name of an API. Raises Invalid."""
    if not NAME.fullmatch(name):
        raise Invalid(Reason.API_NAME, field="name")
    if name in OWN:
        raise Invalid(Reason.API_NAME_RESERVED, field="name", value=name)
