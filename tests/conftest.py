"""What every test may ask for: the event loop, a database server, a clock that the test moves."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer, find_programs


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the whole run; each test makes a database of its own in it."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed: apt-get install postgresql")
    # Not below pytest's own directory, which another run of pytest may clear away.
    with tempfile.TemporaryDirectory(prefix="atoll-postgres-") as directory:
        server = PostgresServer(programs, Path(directory))
        server.start()
        yield server
        server.stop()
