"""Vultr's descriptions, which need not be unique and may be empty, beside names, which are here.

What is described so bears its description as its name too, where that is free.
"""

from collections.abc import Callable
from typing import Annotated, Any, Protocol, TypeVar

from litestar import Response
from msgspec import Meta as Bounds

from atoll.api.http import Call
from atoll.api.vultr import wire
from atoll.domain import ids
from atoll.domain.errors import AlreadyExists
from atoll.ports import Rows
from atoll.service import references
from atoll.service.desk import Accepted, Case, UseCase

TRIES_MAX = 5
TAIL = 6
UNNAMED = "unnamed-"
Description = Annotated[str, Bounds(max_length=250)]
T = TypeVar("T")


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


async def name_for(case: Case, description: str, *of: Rows[Any]) -> str:
    tail = case.ids.new(ids.VPC)[-TAIL:]
    if not description:
        return f"{UNNAMED}{tail}"
    return await references.free_name(case.caller.project_id, description, tail, *of)


async def name_after(case: Case, thing: Described, description: str, *of: Rows[Any]) -> str | None:
    """None where it keeps its name."""
    if description_of(thing) == description:
        return None
    return await name_for(case, description, *of)


async def created(
    request: Call, use_case: UseCase[Accepted[T]], show: Callable[[Accepted[T]], Any]
) -> Response[bytes]:
    """201. Where somebody takes the name at the same time, another one is chosen."""
    for _ in range(TRIES_MAX):
        try:
            return await wire.mutate(request, use_case, show, 201)
        except AlreadyExists as error:
            last = error
    raise last
