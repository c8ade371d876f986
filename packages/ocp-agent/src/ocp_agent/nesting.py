"""How deep schemas may be written within one another. Used by `schemas` and `checks`."""

from types import TracebackType
from typing import Any

from ocp_agent.keywords import Schema

NESTED_DEEPEST = 100  # what is deeper takes any value


class Nesting:
    """Entered with each level of one schema that is rebuilt."""

    def __init__(self) -> None:
        self._depth = 0

    def end(self, schema: Any) -> Schema | None:
        """Return what stands for a schema that is not looked into; None for all others."""
        if schema is False:
            return {"not": {}}
        if not isinstance(schema, dict) or self._depth > NESTED_DEEPEST:
            return {}
        return None

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._depth -= 1
