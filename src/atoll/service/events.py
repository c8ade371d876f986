"""Reads what happened: events for clients that follow a project, and audit records."""

import msgspec

from atoll.domain.events import AuditRecord, Event
from atoll.domain.webhooks import matches, require_patterns
from atoll.service.desk import View
from atoll.service.queries import Query


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The events that a reader wants: about one resource, of some kinds, from a time on; without a
    condition, all. It is applied to each page, because no index has the conditions."""

    resource_id: str | None = None
    kinds: tuple[str, ...] = ()
    since_ms: int | None = None

    def require_valid(self) -> None:
        """Raises Invalid."""
        if self.kinds:
            require_patterns(self.kinds, "event")

    def has(self, event: Event) -> bool:
        if self.resource_id is not None and event.resource_id != self.resource_id:
            return False
        if self.kinds and not matches(event.kind, self.kinds):
            return False
        return self.since_ms is None or event.at_ms >= self.since_ms


async def find_after(view: View, position: str, limit: int) -> list[Event]:
    """Return the events of the project after a position. An expired position resumes at the oldest
    event kept. Raises Invalid if it is not a position."""
    view.require("read")
    return await view.tx.events.after(view.project_id, position, limit)


async def last_position(view: View) -> str:
    view.require("read")
    return await view.tx.events.last()


async def find_audit(view: View, wanted: Query) -> list[AuditRecord]:
    view.require("operate")
    return await view.tx.audit.page(msgspec.structs.replace(wanted, project_id=view.project_id))
