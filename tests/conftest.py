"""What every test may ask for: the event loop and a database server; and which tests
several workers may run side by side."""

import gc
import tempfile
from collections.abc import Iterator
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from atoll.store import sqlite
from tests.support.postgres import PostgresServer, find_programs

# Each test of these stands by itself: many of them, or some with a guest that takes long to boot.
APART = ("tests/contract/test_driver", "tests/drivers/qemu/", "tests/operations/")
TOGETHER = ("tests/drivers/qemu/test_live.py",)  # one guest is lent from test to test
END_TO_END = "tests/e2e"
# What takes minutes is begun first, and then what boots guests, so that no worker has much left to
# do when the others have ended.
LONGEST_FIRST = (
    END_TO_END, *TOGETHER, "tests/contract/test_running_guest.py", "tests/clients", "tests/drivers",
    "tests/contract/test_driver", "tests/networks",
)  # fmt: skip
# How long an example takes depends on what else the machine does.
settings.register_profile("atoll", deadline=None)
settings.load_profile("atoll")
# While all test modules are imported there is nothing to collect, and afterwards none of that is
# ever garbage: looking through it again and again takes a sixth of the time of a test.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


class Groups(LoadScopeScheduling):
    """What goes to one worker together, with `-n`: what a file has made, its tests share; and
    servers with guests use one range of addresses."""

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(END_TO_END):
            return END_TO_END
        apart = nodeid.startswith(APART) and not nodeid.startswith(TOGETHER)
        return nodeid if apart else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    config.option.loadscopereorder = False  # it would begin with the largest number of tests
    return Groups(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: place_in_queue(item.nodeid))


def place_in_queue(nodeid: str) -> int:
    places = (place for place, name in enumerate(LONGEST_FIRST) if nodeid.startswith(name))
    return next(places, len(LONGEST_FIRST))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def commits_that_end_at_once() -> Iterator[None]:
    """No machine loses its power while tests run, so what is committed need not reach its disk. A
    server in a process of its own waits for that, as always."""
    connect = sqlite.connect

    def without_waiting(path: Path) -> Connection:
        connection = connect(path)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "connect", without_waiting)
        yield


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
