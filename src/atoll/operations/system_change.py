"""Changes of an instance that no user requested: by a timer, or by a report of its host."""

from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from atoll.domain import ids
from atoll.domain.events import Event
from atoll.domain.instances import Instance
from atoll.domain.operations import Operation
from atoll.operations.steps import Workflow
from atoll.ports import Ids, Transaction


class Owned(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def project_id(self) -> str: ...


@dataclass(frozen=True)
class SystemChange:
    """The time of the change, and its transaction."""

    tx: Transaction
    now_ms: int
    ids: Ids

    def begin(
        self,
        instance: Instance,
        workflow: Workflow,
        arguments: msgspec.Struct | None = None,
        **changes: Any,
    ) -> Operation:
        """Accept an operation behind those in progress on the instance, and change the instance."""
        operation = workflow.operation(
            self.ids.new(ids.OPERATION),
            project_id=instance.project_id,
            resource_id=instance.id,
            now_ms=self.now_ms,
            arguments=arguments,
        )
        self.tx.operations.enqueue(operation, self.now_ms, workflow.uses(operation))
        mark_busy(self.tx, instance, operation, self.now_ms, **changes)
        return operation

    def note(self, thing: Owned, kind: str, data: dict[str, Any] | None = None) -> None:
        self.tx.events.add(
            Event(
                project_id=thing.project_id,
                kind=kind,
                resource_id=thing.id,
                data=data or {},
                at_ms=self.now_ms,
            )
        )


def mark_busy(
    tx: Transaction, instance: Instance, operation: Operation, now_ms: int, **changes: Any
) -> Instance:
    """Record in an instance that an operation was accepted for it."""
    return tx.instances.change(
        instance,
        doing=instance.doing or operation.kind,
        operation_id=operation.id,
        updated_at_ms=now_ms,
        **changes,
    )
