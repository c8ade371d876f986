"""Migrates a database's schema, with Alembic. Forward only.

`python -m atoll.store.migrate` reads the database's URL from its standard input.
"""

import sys
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

SCRIPTS = Path(__file__).parent / "migrations"
# An arbitrary number, the same in all versions: servers that start at once migrate one after the
# other.
POSTGRES_LOCK = 4_702_111


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate `sqlite:///…` or `postgresql://…`."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+asyncpg://", 1)
    config.attributes["url"] = sa.make_url(url)
    command.upgrade(config, revision)


if __name__ == "__main__":
    upgrade(sys.stdin.read())
