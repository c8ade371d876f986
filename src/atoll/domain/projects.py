"""The owner of resources, and its API keys."""

from enum import StrEnum

import msgspec

from atoll.domain.agents import Agent


class Project(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    version: int = 1
    created_at_ms: int


class Role(StrEnum):
    ADMIN = "admin"
    OPERATOR = "operator"
    MEMBER = "member"
    VIEWER = "viewer"
    AGENT = "agent"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """`digest` is the keyed hash of the secret text; the text itself is not stored.

    `limit_class` is the name of a rate limit in `limits.CLASSES`; None means the default of the
    role.
    """

    id: str
    project_id: str
    name: str
    role: Role
    digest: bytes
    hint: str
    limit_class: str | None = None
    expires_at_ms: int | None = None
    version: int = 1
    created_at_ms: int

    def is_expired(self, at_ms: int) -> bool:
        return self.expires_at_ms is not None and self.expires_at_ms <= at_ms


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The sender of a request, and its dialect; `agent` is what a software agent says about
    itself."""

    key_id: str
    project_id: str
    role: Role
    dialect: str
    request_id: str = ""
    agent: Agent | None = None


READ = frozenset({"read"})
WRITE = READ | {"write"}
OPERATE = WRITE | {"operate"}
ADMINISTER = OPERATE | {"administer"}

RIGHTS: dict[Role, frozenset[str]] = {
    Role.VIEWER: READ,
    Role.AGENT: WRITE,
    Role.MEMBER: WRITE,
    Role.OPERATOR: OPERATE,
    Role.ADMIN: ADMINISTER,
}
