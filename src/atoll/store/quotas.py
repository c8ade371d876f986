"""Usage and limits of projects: counted in the transaction that uses a resource."""

from collections.abc import Mapping

import sqlalchemy as sa

from atoll.domain.errors import Lost
from atoll.domain.quotas import DEFAULTS, RESOURCES, Amounts, Quota
from atoll.store import tables
from atoll.store.sql import Write, bind
from atoll.store.unit import Unit

usage = tables.usages.c
LIMITS = {name: f"{name}_max" for name in RESOURCES}


class QuotaRows:
    """`ports.Quotas`."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit

    async def find(self, project_id: str) -> Quota | None:
        query = self.unit.statements.get(
            "quotas.find",
            lambda: sa.select(*[usage[name] for name in (*RESOURCES, *LIMITS.values())]).where(
                usage.project_id == bind("project_id", usage.project_id)
            ),
        )
        rows = await self.unit.fetch(query, {"project_id": project_id})
        if not rows:
            return None
        used, limits = rows[0][: len(RESOURCES)], rows[0][len(RESOURCES) :]
        return Quota(
            project_id=project_id,
            used=Amounts(**dict(zip(RESOURCES, used, strict=True))),
            limits={n: v for n, v in zip(RESOURCES, limits, strict=True) if v is not None},
        )

    def add(self, project_id: str) -> None:
        query = self.unit.statements.get("quotas.add", lambda: tables.usages.insert())
        row = {"project_id": project_id, **dict.fromkeys(RESOURCES, 0)}
        row |= dict.fromkeys(LIMITS.values())
        self.unit.write(
            Write(
                query,
                query.place(row),
                duplicate=lambda: Lost(f"the usage of {project_id} is counted already"),
            )
        )

    def take(self, project_id: str, amounts: Amounts) -> None:
        query = self.unit.statements.get("quotas.take", take_statement)
        values = {name: getattr(amounts, name) for name in RESOURCES}
        self.unit.write(
            Write(
                query,
                query.place({"project_id": project_id, **values}),
                missing=lambda: Lost(f"the quota of {project_id} was used up meanwhile"),
                lock=f"usage/{project_id}",
            )
        )

    def give_back(self, project_id: str, amounts: Amounts) -> None:
        self.take(project_id, Amounts().subtract(amounts))

    def limit(self, project_id: str, limits: Mapping[str, int]) -> None:
        query = self.unit.statements.get("quotas.limit", limit_statement)
        values = {column: limits.get(name) for name, column in LIMITS.items()}
        self.unit.write(
            Write(
                query,
                query.place({"project_id": project_id, **values}),
                missing=lambda: Lost(f"{project_id} is gone"),
            )
        )

    def remove(self, project_id: str) -> None:
        query = self.unit.statements.get("quotas.remove", remove_statement)
        self.unit.write(
            Write(
                query,
                query.place({"project_id": project_id}),
                missing=lambda: Lost(f"something came into use in {project_id} meanwhile"),
            )
        )


def remove_statement() -> sa.ClauseElement:
    return tables.usages.delete().where(
        usage.project_id == bind("project_id", usage.project_id),
        *(usage[name] == 0 for name in RESOURCES),
    )


def take_statement() -> sa.ClauseElement:
    """A decrease is always allowed: a limit may have been lowered below the usage."""
    statement = tables.usages.update().where(
        usage.project_id == bind("project_id", usage.project_id)
    )
    changes = {}
    for name, limit in LIMITS.items():
        more = bind(name, usage[name])
        changes[name] = usage[name] + more
        most = sa.func.coalesce(usage[limit], DEFAULTS.get(name, sa.null()))
        statement = statement.where(sa.or_(more <= 0, most.is_(None), usage[name] + more <= most))
    return statement.values(changes)


def limit_statement() -> sa.ClauseElement:
    return (
        tables.usages.update()
        .where(usage.project_id == bind("project_id", usage.project_id))
        .values({column: bind(column, usage[column]) for column in LIMITS.values()})
    )
