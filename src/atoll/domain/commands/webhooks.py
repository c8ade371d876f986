"""Commands on webhooks."""

from atoll.domain.commands.base import Command, Reference


class CreateWebhook(Command, frozen=True, kw_only=True):
    name: str
    labels: dict[str, str] = {}
    url: str
    events: tuple[str, ...] = ("*",)


class UpdateWebhook(Command, frozen=True, kw_only=True):
    webhook: Reference
    name: str | None = None
    labels: dict[str, str] | None = None
    url: str | None = None
    events: tuple[str, ...] | None = None
    enabled: bool | None = None


class DeleteWebhook(Command, frozen=True, kw_only=True):
    webhook: Reference
