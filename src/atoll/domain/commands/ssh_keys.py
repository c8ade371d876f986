"""Commands on ssh keys."""

from atoll.domain.commands.base import Command, Reference


class CreateSshKey(Command, frozen=True, kw_only=True):
    name: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    public_key: str


class UpdateSshKey(Command, frozen=True, kw_only=True):
    ssh_key: Reference
    name: str | None = None
    labels: dict[str, str] | None = None
    public_key: str | None = None


class DeleteSshKey(Command, frozen=True, kw_only=True):
    ssh_key: Reference
