"""Alembic's environment: connects to the given URL and migrates.

All migrations are one transaction, also on SQLite: a server that is killed meanwhile leaves the
database as it was.
"""

import asyncio
from typing import Any

import sqlalchemy as sa
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

from atoll.store.migrate import POSTGRES_LOCK
from atoll.store.tables import METADATA


def migrate(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({POSTGRES_LOCK})"))
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,
        transactional_ddl=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


async def migrate_postgres(url: sa.URL) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


def migrate_sqlite(url: sa.URL) -> None:
    """Begin the transaction ourselves: Python's sqlite3 begins none for DDL, so that each statement
    would commit by itself."""
    engine = sa.create_engine(url)
    sa.event.listen(engine, "connect", begin_nothing)
    sa.event.listen(engine, "begin", begin_immediate)
    with engine.begin() as connection:
        migrate(connection)
    engine.dispose()


def begin_nothing(connection: Any, _record: Any) -> None:
    connection.isolation_level = None


def begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


url: sa.URL = context.config.attributes["url"]
if url.drivername.startswith("postgresql"):
    asyncio.run(migrate_postgres(url))
else:
    migrate_sqlite(url)
