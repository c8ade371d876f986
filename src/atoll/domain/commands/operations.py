"""Commands on operations."""

from atoll.domain.commands.base import Command


class CancelOperation(Command, frozen=True, kw_only=True):
    operation: str


class RetryOperation(Command, frozen=True, kw_only=True):
    operation: str
