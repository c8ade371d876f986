"""Commands on the names of public addresses."""

from atoll.domain.commands.base import Command


class SetReverseDns(Command, frozen=True, kw_only=True):
    address: str
    name: str


class DeleteReverseDns(Command, frozen=True, kw_only=True):
    """`missing_ok`: no error if the address has no name."""

    address: str
    missing_ok: bool = False
