"""Reads what happened: events for clients that follow a project, and audit records."""

import msgspec

from atoll.domain.events import AuditRecord, Event
from atoll.service.desk import View
from atoll.service.queries import Query


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
