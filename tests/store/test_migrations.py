"""The schema that migrations make is the one that the code expects, and data stays."""

import sqlite3
from pathlib import Path

import asyncpg
import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from atoll.domain.errors import StoreUnavailable
from atoll.domain.instances import Goal, Instance, InstanceState, Resolved
from atoll.domain.networks import VpcKind
from atoll.domain.plans import Plan
from atoll.domain.projects import Project
from atoll.domain.quotas import Amounts
from atoll.ports import Filter
from atoll.store import migrate
from atoll.store.postgres import PostgresStore
from atoll.store.sqlite import SqliteStore
from atoll.store.tables import METADATA
from tests.support import things
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.anyio


def differences(connection: sa.Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), METADATA))


def test_on_sqlite_migrations_make_what_the_code_expects(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    migrate.upgrade(url)
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()


@pytest.mark.postgres
async def test_on_postgresql_migrations_make_what_the_code_expects(
    postgres_server: PostgresServer,
) -> None:
    url = postgres_server.new_database()
    store = PostgresStore(url)
    await store.open()
    await store.close()
    connection = await asyncpg.connect(url)
    tables = await connection.fetch(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name <> 'alembic_version'"
    )
    await connection.close()
    wanted = {(t.name, c.name) for t in METADATA.tables.values() for c in t.columns}
    assert {(row[0], row[1]) for row in tables} == wanted


async def test_a_filled_database_is_opened_again_with_all_that_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    added = things.instance()
    for _ in range(2):
        store = SqliteStore(path)
        await store.open()
        if await store.read().instances.find(added.id) is None:
            async with store.transaction() as tx:
                tx.instances.add(added)
        await store.close()
    migrate.upgrade(f"sqlite:///{path}")
    store = SqliteStore(path)
    await store.open()
    assert await store.read().instances.get(added.id) == added
    await store.close()


async def test_what_the_foundation_kept_is_carried_over(tmp_path: Path) -> None:
    """A database of the first release, with a project and an instance in it."""
    path = tmp_path / "a.db"
    migrate.upgrade(f"sqlite:///{path}", "0001")
    resolved = Resolved(
        image_id="img-1", root_volume_id="vol-1", security_group_ids=("sg-1",), ssh_key_ids=("k",)
    )
    old = things.instance(resolved=resolved, mac="52:54:00:00:01:02", host_id="host-1")
    fill_as_the_foundation_did(path, old)
    migrate.upgrade(f"sqlite:///{path}")
    store = SqliteStore(path)
    await store.open()
    read = store.read()
    assert await read.instances.get(old.id) == old
    assert [i.id for i in await read.instances.page(Filter(uses="sg-1"))] == [old.id]
    assert await read.instances.page(Filter(uses="k")) == []
    assert await read.addresses.find("mac", old.id) == 0x0102
    quota = await read.quotas.find("proj-1")
    assert quota is not None
    assert quota.used == Amounts(instances=1, vcpus=1, memory_mib=512, disk_gib=10)
    await store.close()


def fill_as_the_foundation_did(path: Path, old: Instance) -> None:
    document = msgspec.json.encode(old)
    project = Project(id="proj-1", name="default", created_at_ms=things.NOW)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO projects (id, name, version, document) VALUES (?, ?, 1, ?)",
            (project.id, project.name, msgspec.json.encode(project)),
        )
        connection.execute(
            "INSERT INTO instances (id, project_id, name, goal, state, host_id, version, document)"
            " VALUES (?, ?, ?, ?, ?, ?, 1, ?)",
            (old.id, old.project_id, old.name, old.goal, old.state, old.host_id, document),
        )
    connection.close()


async def test_hosts_and_places_of_before_have_no_devices(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    migrate.upgrade(f"sqlite:///{path}", "0002")
    host = things.host(vcpus_used=1, memory_mib_used=1, disk_gib_used=1)
    columns = [c.name for c in METADATA.tables["hosts"].columns
               if c.name not in {"devices", "spare_disk_mib"}]  # fmt: skip
    row = {name: getattr(host, name) for name in columns}
    row["capabilities"] = msgspec.json.encode(host.capabilities)
    with sqlite3.connect(path) as connection:
        places = ", ".join(f":{name}" for name in columns)
        connection.execute(f"INSERT INTO hosts ({', '.join(columns)}) VALUES ({places})", row)
        connection.execute("INSERT INTO reservations VALUES ('inst-1', ?, 1, 1, 1)", (host.id,))
    connection.close()
    migrate.upgrade(f"sqlite:///{path}")
    store = SqliteStore(path)
    await store.open()
    assert await store.read().hosts.get(host.id) == host
    held = await store.read().hosts.reservation("inst-1")
    assert held is not None
    assert held.devices == ()
    async with store.transaction() as tx:
        tx.hosts.change_reservation(held, msgspec.structs.replace(held, vcpus=2))
    assert (await store.read().hosts.get(host.id)).vcpus_used == 2
    await store.close()


async def test_bare_metal_of_before_is_told_by_its_plan(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    migrate.upgrade(f"sqlite:///{path}", "0007")
    metal, other = things.instance(), things.instance()
    spec = msgspec.structs.replace(metal.spec, plan="vbm-4c-32gb", region="ewr")
    metal = msgspec.structs.replace(metal, spec=spec)
    with sqlite3.connect(path) as connection:
        for old in (metal, other):
            connection.execute(
                "INSERT INTO instances (id, project_id, name, goal, state, version, document)"
                " VALUES (?, ?, ?, ?, ?, 1, ?)",
                (old.id, old.project_id, old.name, old.goal, old.state, msgspec.json.encode(old)),
            )
        for plan_id in ("vbm-4c-32gb", "vc2-1c-1gb"):
            plan = Plan(id=plan_id, vcpus=4, memory_mib=1, disk_gib=1)
            connection.execute(
                "INSERT INTO plans VALUES (?, 1, ?)", (plan.id, msgspec.json.encode(plan))
            )
    connection.close()
    migrate.upgrade(f"sqlite:///{path}")
    store = SqliteStore(path)
    await store.open()
    read = store.read()
    marked = Filter(project_id=metal.project_id, equals=(("bare_metal", True), ("region", "ewr")))
    (found,) = await read.instances.page(marked)
    assert found == msgspec.structs.replace(
        metal, spec=msgspec.structs.replace(spec, bare_metal=True)
    )
    unmarked = Filter(project_id=metal.project_id, equals=(("bare_metal", False),))
    assert await read.instances.page(unmarked) == [other]
    assert await read.instances.count(unmarked) == 1
    assert (await read.plans.get("vbm-4c-32gb")).bare_metal
    assert not (await read.plans.get("vc2-1c-1gb")).bare_metal
    await store.close()


async def test_the_kind_of_vpcs_of_before_is_told_by_an_annotation(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    migrate.upgrade(f"sqlite:///{path}", "0014")
    facts = {"project_id": "proj-1", "name": "net", "cidr": "10.1.0.0/24", "created_at_ms": 1}
    with sqlite3.connect(path) as connection:
        for vpc_id, notes in (("vpc-1", {}), ("vpc-2", {"vultr.vpc2": "true", "other": "kept"})):
            document = {"id": vpc_id, **facts, "annotations": notes}
            connection.execute(
                "INSERT INTO vpcs (id, project_id, name, version, document) VALUES (?, ?, ?, 1, ?)",
                (vpc_id, "proj-1", "net", msgspec.json.encode(document)),
            )
    connection.close()
    migrate.upgrade(f"sqlite:///{path}")
    store = SqliteStore(path)
    await store.open()
    for kind, vpc_id in ((VpcKind.VPC, "vpc-1"), (VpcKind.VPC2, "vpc-2")):
        wanted = Filter(project_id="proj-1", equals=(("kind", kind),))
        (found,) = await store.read().vpcs.page(wanted)
        assert (found.id, found.kind) == (vpc_id, kind)
    await store.close()


async def test_labels_of_before_select_as_they_did(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    migrate.upgrade(f"sqlite:///{path}", "0004")
    old = things.instance(labels={"env": "prod"})
    fill_as_the_foundation_did(path, old)
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO labels VALUES ('env', 'prod', ?)", (old.id,))
    connection.close()
    migrate.upgrade(f"sqlite:///{path}")
    store = SqliteStore(path)
    await store.open()
    wanted = Filter(project_id="proj-1", labels=(("env", "prod"),))
    assert await store.read().instances.page(wanted) == [old]
    await store.close()


async def test_a_new_database_gets_its_schema_when_it_is_opened(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a.db")
    await store.open()
    assert await store.read().instances.find("inst-none") is None
    await store.close()


async def test_a_database_of_a_newer_atoll_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    migrate.upgrade(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreUnavailable, match="run the newer Atoll"):
        await SqliteStore(path).open()


async def test_of_equal_names_of_before_the_oldest_stays_and_the_others_get_suffixes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.db"
    migrate.upgrade(f"sqlite:///{path}", "0015")
    long = "w" * 253
    gone = things.instance(name="web", goal=Goal.DELETED, state=InstanceState.DELETED)
    old = [gone, *[things.instance(name=name) for name in ("web", "web-2", "web", "", "")]]
    old += [things.instance(name=long) for _ in range(2)]
    old += [things.instance(name="web", project_id="proj-2")]
    with sqlite3.connect(path) as connection:
        for one in old:
            connection.execute(
                "INSERT INTO instances (id, project_id, name, goal, state, region, bare_metal,"
                " version, document) VALUES (?, ?, ?, ?, ?, 'local', 0, 1, ?)",
                (one.id, one.project_id, one.name, one.goal, one.state, msgspec.json.encode(one)),
            )
    connection.close()
    migrate.upgrade(f"sqlite:///{path}")
    store = SqliteStore(path)
    await store.open()
    read = store.read()
    found = [await read.instances.get(one.id) for one in old]
    names = ["web", "web", "web-2", "web-3", "", "", long, "w" * 251 + "-2", "web"]
    assert [one.name for one in found] == names
    assert [one.given_name for one in found] == [one.name for one in old]
    for one in found[1:]:
        if one.name:
            assert await read.instances.holder(one.project_id, one.name) == one
    async with store.transaction() as tx:
        tx.instances.change(found[0], reason="still there")
        tx.instances.change(found[3], name="other")
    await store.close()
