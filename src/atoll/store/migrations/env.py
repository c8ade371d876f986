"""Alembic's environment: connects to the given URL and migrates."""

import asyncio

import sqlalchemy as sa
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

from atoll.store.migrate import POSTGRES_LOCK
from atoll.store.tables import METADATA


def migrate(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({POSTGRES_LOCK})"))
    context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


async def migrate_postgres(url: sa.URL) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


def migrate_sqlite(url: sa.URL) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        migrate(connection)
    engine.dispose()


url: sa.URL = context.config.attributes["url"]
if url.drivername.startswith("postgresql"):
    asyncio.run(migrate_postgres(url))
else:
    migrate_sqlite(url)
