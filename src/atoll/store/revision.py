"""Which schema a database has, and which one this Atoll wants.

Alembic is imported only where something has to be migrated: an idle server stays small.
"""

import asyncio
from pathlib import Path
from pkgutil import resolve_name

VERSIONS = Path(__file__).parent / "migrations" / "versions"
FOUND = "SELECT version_num FROM alembic_version"


def wanted() -> str:
    """The newest revision: files are named after them, in rising order."""
    return max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py"))


async def ensure(url: str, found: str | None) -> None:
    """Migrates unless the database has the wanted revision already."""
    if found != wanted():
        await asyncio.to_thread(resolve_name("atoll.store.migrate:upgrade"), url)
