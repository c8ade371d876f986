"""Migrates a database's schema, with Alembic. Forward only.

`python -m atoll.store.migrate` reads the database's URL from its standard input.
"""

import sys
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

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


def main() -> int:
    """Print an error in one line: `revision.ensure` reports it."""
    try:
        upgrade(sys.stdin.read())
    except (sa.exc.DBAPIError, OSError, CommandError) as error:
        cause = getattr(error, "orig", None) or error
        sys.stdout.write(" ".join(str(cause).split()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
