"""The statements of lists."""

import sqlalchemy as sa

from atoll.ports import Filter
from atoll.store import tables
from atoll.store.rows import page_of


def plan_of(query: sa.Select[object]) -> str:
    """Return SQLite's plan for the query."""
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        tables.METADATA.create_all(connection)
        text = str(query.compile(engine))
        rows = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {text}", (1,) * text.count("?")
        ).all()
    return "\n".join(row.detail for row in rows)


HEADS = (tables.instances.c.id, tables.instances.c.version)


def test_ids_and_versions_of_a_list_are_read_from_an_index_alone() -> None:
    plan = plan_of(page_of(tables.instances, HEADS, Filter(project_id="p")))
    assert "USING COVERING INDEX ix_instances_live" in plan
    assert "TEMP B-TREE" not in plan, "it is sorted already"


def test_instances_of_a_region_are_found_without_those_of_others() -> None:
    wanted = Filter(project_id="p", equals=(("bare_metal", False), ("region", "east")))
    plan = plan_of(page_of(tables.instances, HEADS, wanted))
    assert "USING INDEX ix_instances_region (project_id=? AND region=? AND bare_metal=?)" in plan
    assert "TEMP B-TREE" not in plan, "it is sorted already"
