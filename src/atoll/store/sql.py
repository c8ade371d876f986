"""SQLAlchemy Core statements as text for the bare driver, each compiled once.

Compiling costs more than running, so every statement is built once and cached by a key.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from atoll.domain.errors import AtollError

Problem = Callable[[], AtollError]


QUERIES_MAX = 4_096


class Query(NamedTuple):
    """`names` are the parameters in the order of their positions, `fixed` the values within the
    statement itself."""

    text: str
    names: tuple[str, ...]
    fixed: Mapping[str, Any]

    def place(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        fixed = self.fixed
        return tuple([values[n] if n in values else fixed[n] for n in self.names])


class Write(NamedTuple):
    """A held-back statement. `missing` is raised if it affects no row, `duplicate` if a unique
    index rejects it; `topic` is the topic for watchers, `lock` the lock that PostgreSQL holds until
    the commit, so that two writers of one queue see each other. `kept` is the table whose cache is
    cleared."""

    query: Query
    values: tuple[Any, ...]
    missing: Problem | None = None
    duplicate: Problem | None = None
    topic: str | None = None
    lock: str | None = None
    kept: str | None = None


class Statements:
    """The compiled statements of one database."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._queries: dict[Any, Query] = {}

    def get(self, key: Any, build: Callable[[], sa.ClauseElement]) -> Query:
        query = self._queries.get(key)
        if query is None:
            if len(self._queries) >= QUERIES_MAX:
                self._queries.clear()
            query = self._queries[key] = self._compile(build())
        return query

    def _compile(self, statement: sa.ClauseElement) -> Query:
        compiled = statement.compile(dialect=self.dialect)
        names = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]
        fixed = {name: value for name, value in compiled.params.items() if value is not None}
        return Query(str(compiled), names, {**dict.fromkeys(names), **fixed})


def bind(name: str, column: sa.Column[Any]) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=column.type)
