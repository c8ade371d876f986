"""Commands on projects, their API keys and their quotas."""

from atoll.domain.commands.base import Command
from atoll.domain.projects import Role


class CreateProject(Command, frozen=True, kw_only=True):
    name: str


class DeleteProject(Command, frozen=True, kw_only=True):
    project: str


class CreateApiKey(Command, frozen=True, kw_only=True):
    name: str
    role: Role
    project: str | None = None
    limit_class: str | None = None
    expires_at_ms: int | None = None


class DeleteApiKey(Command, frozen=True, kw_only=True):
    api_key: str


class SetQuota(Command, frozen=True, kw_only=True):
    """Replace the limits; a resource that is not named has no limit."""

    project: str
    limits: dict[str, int]
