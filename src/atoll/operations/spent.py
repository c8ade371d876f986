"""How long an engine has known its operations."""

from atoll.domain.operations import Operation, OperationState
from atoll.ports import Clock

KNOWN_MAX = 200_000


class Spent:
    """Measured from the first step that this engine ran, doing or undoing. The wall clock may step;
    and the time in the queue, or without an engine, does not count."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ms: dict[tuple[str, int, bool], int] = {}

    def seconds(self, operation: Operation) -> float:
        undoing = operation.state is OperationState.UNDOING
        key = (operation.id, operation.run, undoing)
        if len(self._since_ms) >= KNOWN_MAX:
            self._since_ms.clear()
        since_ms = self._since_ms.setdefault(key, self._clock.span_ms())
        return (self._clock.span_ms() - since_ms) / 1000

    def forget(self, operation: Operation) -> None:
        for undoing in (False, True):
            self._since_ms.pop((operation.id, operation.run, undoing), None)
