"""The rows about PostgreSQL: a server of its own, and one and two Atolls on one database.

`__main__` calls `creates`. SQLite takes its turns in the same rounds.
"""

import contextlib
import os
import pwd
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import load, prepare, servers
from bench.rows import at_rest
from bench.table import Row, number

CLIENTS = 16
# initdb refuses to run as root; Debian's package makes this user.
SERVER_USER = "postgres"
SQLITE_MIN = 0.5


@contextlib.contextmanager
def database(home: Path) -> Iterator[str]:
    """The URL of an empty database, of a server that waits for its disk as it should."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    data, port = home / "postgres", servers.free_port()
    data.mkdir(parents=True)
    user = None
    if os.geteuid() == 0:
        shutil.chown(data, SERVER_USER)
        user = pwd.getpwnam(SERVER_USER).pw_uid

    def run(program: str, *arguments: str) -> None:
        command = [str(programs / program), "-D", str(data), *arguments]
        subprocess.run(command, check=True, user=user, cwd="/", stdout=subprocess.DEVNULL)

    data.chmod(0o700)
    run("initdb", "-A", "trust", "-U", "atoll")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
    run("pg_ctl", "-w", "-o", options, "-l", str(data / "log"), "start")
    try:
        yield f"postgresql://atoll@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-m", "fast", "stop")


def creates(home: Path, rounds: int, seconds: float, say: Callable[[str], None]) -> list[Row]:
    figures: dict[str, list[float]] = {"sqlite": [], "one": [], "two": []}
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(database(home / "pg"))
        sqlite = stack.enter_context(servers.atoll("sqlite", home / "on-sqlite" / "state", None))
        one = stack.enter_context(on_postgres("one", home / "pg-one", url))
        prepare.furnish(sqlite, home / "sqlite.json")
        prepare.furnish(one, home / "postgres.json")
        for _ in range(rounds):
            for name, server in (("sqlite", sqlite), ("one", one)):
                say(f"creates: {name}")
                figures[name].append(accepted([server], seconds))
        state = home / "pg-two" / "state"
        state.mkdir(parents=True)
        for shared in ("admin.key", "server.secret"):
            shutil.copy(home / "pg-one" / "state" / shared, state / shared)
        two = stack.enter_context(on_postgres("two", home / "pg-two", url))
        for _ in range(rounds):
            say("creates: two servers")
            figures["two"].append(accepted([one, two], seconds))
    median = {name: statistics.median(of) for name, of in figures.items()}
    return [
        row("PostgreSQL, one server", median["one"], median["sqlite"], "SQLite", SQLITE_MIN),
        row("PostgreSQL, two servers", median["two"], median["one"], "one server", 1.0),
    ]


def row(what: str, own: float, other: float, name: str, least: float) -> Row:
    return Row(
        what=f"create accepted, {CLIENTS} clients, {what}", unit="1/s", atoll=own, other=other,
        other_name=name, bar=f"≥ {least} x {name}", met=own >= least * other,
        note=f"{number(own / other)} x.",
    )  # fmt: skip


def on_postgres(
    name: str, home: Path, url: str
) -> contextlib.AbstractContextManager[servers.Server]:
    return servers.atoll(name, home / "state", None, options=("--database", url))


def accepted(targets: Sequence[servers.Server], seconds: float) -> float:
    """Together, with the clients shared among them; then all of it is carried out."""
    clients = CLIENTS // len(targets)
    jobs = [
        load.Job(
            port=one.port, request=prepare.create_request(one.key), clients=clients, seconds=seconds
        )
        for one in targets
    ]
    with ThreadPoolExecutor(len(jobs)) as pool:
        results = list(pool.map(load.run, jobs))
    at_rest(targets[0])
    return sum(result.per_s for result in results)
