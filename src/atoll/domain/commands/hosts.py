"""Commands on hosts."""

from atoll.domain.commands.base import Command


class UpdateHost(Command, frozen=True, kw_only=True):
    """A disabled host keeps its guests and gets no new ones."""

    host: str
    enabled: bool


class RemoveHost(Command, frozen=True, kw_only=True):
    host: str
