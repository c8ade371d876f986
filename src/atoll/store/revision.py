"""The schema revision of a database, and the required one.

A separate process migrates a database (`migrate.py`): Alembic would double the memory of an idle
server.
"""

import asyncio
import sys
from pathlib import Path

from atoll.domain.errors import StoreUnavailable

VERSIONS = Path(__file__).parent / "migrations" / "versions"
FOUND = "SELECT version_num FROM alembic_version"


def wanted() -> str:
    """Return the newest revision: files are named after revisions, in increasing order."""
    return max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py"))


async def ensure(url: str, found: str | None, *, migrate: bool) -> None:
    """Migrate unless the database has the required revision. Raises StoreUnavailable, also where it
    must not `migrate`: a server of another version uses the database now."""
    if found == wanted():
        return
    if found is not None and found > wanted():
        raise StoreUnavailable(
            f"the database has revision {found}, this Atoll knows up to {wanted()}: "
            "run the newer Atoll that wrote it"
        )
    if not migrate:
        raise StoreUnavailable(
            f"the database has revision {found}, this Atoll needs {wanted()}: stop the server first"
        )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "atoll.store.migrate",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    # The URL may contain a password, which would be visible among the arguments.
    said, _ = await process.communicate(url.encode())
    if process.returncode:
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise StoreUnavailable(f"the database could not be migrated: {last}")
