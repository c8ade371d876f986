"""Commands on startup scripts."""

from atoll.domain.commands.base import Command, Reference


class CreateStartupScript(Command, frozen=True, kw_only=True):
    name: str
    labels: dict[str, str] = {}
    script: str


class UpdateStartupScript(Command, frozen=True, kw_only=True):
    startup_script: Reference
    name: str | None = None
    labels: dict[str, str] | None = None
    script: str | None = None


class DeleteStartupScript(Command, frozen=True, kw_only=True):
    startup_script: Reference
