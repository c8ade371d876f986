"""Vultr's descriptions, which need not be unique and may be empty, beside names, which are here.

What is described so bears its description as its name too, where that is free: its commands ask
for a free name.
"""

from typing import Annotated, Protocol

from msgspec import Meta as Bounds

from atoll.service.references import UNNAMED

Description = Annotated[str, Bounds(max_length=250)]


class Described(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...


def description_of(thing: Described) -> str:
    """What was made in another dialect has its name only."""
    if thing.description or thing.name.startswith(UNNAMED):
        return thing.description
    return thing.name


def new_name(thing: Described, description: str) -> str | None:
    """The wish for a name that goes with a new description; None where it keeps its name."""
    return None if description_of(thing) == description else description
