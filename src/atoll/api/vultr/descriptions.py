"""Vultr's descriptions, which may be empty or equal, beside Atoll's names, which are unique.

A resource that is created with a description gets it as its name as well, if that name is free.
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
    """Return the description, or the name if another dialect created the resource."""
    if thing.description or thing.name.startswith(UNNAMED):
        return thing.description
    return thing.name


def new_name(thing: Described, description: str) -> str | None:
    """Return the name that a new description asks for, or None to keep the name."""
    return None if description_of(thing) == description else description
