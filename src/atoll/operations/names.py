"""Free names for resources whose names are unique in their project, where a taken name is no error:
a resource that comes back, and requests of dialects with repeatable names."""

from typing import Any, Protocol, TypeVar

from atoll.domain import ids
from atoll.domain.names import numbered, with_suffix
from atoll.ports import Ids, Rows

TAIL = 6


class Named(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def project_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def given_name(self) -> str: ...


T = TypeVar("T", bound=Named)


async def find_free(
    rows: Rows[T], new: Ids, project_id: str, wish: str, holder_id: str = ""
) -> str:
    """Return the name if it is free, or if `holder_id` has it; otherwise with a suffix. The commit
    raises Lost if another request takes it meanwhile."""
    if not wish:
        return wish
    for name in (wish, *numbered(wish)):
        holder = await rows.holder(project_id, name)
        if holder is None or holder.id == holder_id:
            return name
    return with_suffix(wish, new.new(ids.INSTANCE)[-TAIL:])


async def regain(rows: Rows[T], new: Ids, thing: T) -> dict[str, Any]:
    """Return the changes of a resource that gets its name again, which was free meanwhile."""
    name = await find_free(rows, new, thing.project_id, thing.name, thing.id)
    return {} if name == thing.name else {"name": name, "requested_name": thing.given_name}
