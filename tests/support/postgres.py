"""A PostgreSQL server of the tests' own: a data directory, a free port on the loopback."""

import os
import pwd
import shutil
import socket
import subprocess
from itertools import count
from pathlib import Path

import asyncpg

from atoll.store import migrate
from atoll.store.tables import METADATA

# initdb refuses to run as root; Debian's package makes this user.
SERVER_USER = "postgres"
# Sessions that a test left open are ended first. TRUNCATE would take 25 times as long, because it
# gives each table new files.
ALONE = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""
EMPTY = ";".join(
    [
        ALONE,
        *[f"DELETE FROM {table}" for table in METADATA.tables],
        "ALTER SEQUENCE events_seq_seq RESTART",
    ]
)


def find_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PostgresServer:
    def __init__(self, programs: Path, directory: Path) -> None:
        self._programs = programs
        self._data = directory / "data"
        self.port = free_port()
        self._numbers = count(1)
        self._migrated = ""
        self._lent: list[str] = []
        self._free: list[str] = []

    def start(self) -> None:
        self._data.mkdir()
        if os.geteuid() == 0:
            for part in [self._data, *self._data.parents[:3]]:
                if part.stat().st_uid == 0 and part != Path("/tmp"):
                    part.chmod(part.stat().st_mode | 0o011)
            shutil.chown(self._data, SERVER_USER)
        self._data.chmod(0o700)
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "atoll", "--no-sync")
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' "
            "-c fsync=off -c max_connections=200"
        )
        # A connection that is given up in the middle of this question leaves an error to nobody.
        os.environ["PGSSLMODE"] = "disable"
        log = self._data / "server.log"
        self._run("pg_ctl", "-D", self._data, "-w", "-o", options, "-l", log, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")

    def restart(self) -> None:
        self._run("pg_ctl", "-D", self._data, "-m", "fast", "-w", "restart")

    def new_database(self, template: str = "template0") -> str:
        """The URL of an empty database, or of a copy."""
        name = f"test_{next(self._numbers)}"
        place = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "atoll")
        self._run("createdb", *place, "-T", template, name)
        return f"postgresql://atoll@127.0.0.1:{self.port}/{name}"

    def migrated_database(self) -> str:
        """The URL of a database with nothing in it but its schema."""
        if not self._migrated:
            url = self.new_database()
            migrate.upgrade(url)
            self._migrated = url.rpartition("/")[2]
        return self.new_database(self._migrated)

    def lend(self) -> str:
        """The URL of a database with nothing in it but its schema, for one test at a time."""
        url = self._free.pop() if self._free else self.migrated_database()
        self._lent.append(url)
        return url

    async def empty_those_lent(self) -> None:
        """Those of tests that have ended: quicker than to make new ones."""
        while self._lent:
            url = self._lent.pop()
            connection = await asyncpg.connect(url)
            await connection.execute(EMPTY)
            await connection.close()
            self._free.append(url)

    def _run(self, program: str, *arguments: str | Path) -> None:
        user = None
        if os.geteuid() == 0:
            user = pwd.getpwnam(SERVER_USER).pw_uid
        subprocess.run(
            [self._programs / program, *arguments],
            check=True, user=user, cwd="/", stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
