"""What every test may ask for: the event loop, a database server, a clock that the test moves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer, find_programs


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One server for the whole run; each test makes a database of its own in it."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed: apt-get install postgresql")
    server = PostgresServer(programs, Path(tmp_path_factory.mktemp("postgres")))
    server.start()
    yield server
    server.stop()
