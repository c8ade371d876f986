"""The rows over HTTP: one function each. `__main__` calls them with servers that already run."""

import sqlite3
import time
from collections.abc import Callable

import httpx2
import msgspec

from bench import floor_sqlite, moto, prepare
from bench.load import Job, Request
from bench.measure import Figure, Measure, Turn, interleaved, served
from bench.servers import Cpus, Server
from bench.table import Row, number

CLIENTS = (1, 32)
CREATE_MOTO_MIN, CREATE_SQLITE_MIN, CREATE_P99_MS_MAX = 30.0, 0.6, 10.0
LIST_GROWTH_MAX, LIST_MOTO_MIN = 1.5, 50.0
DIALECT_NATIVE_MIN = 0.6
BAR_ROWS = 100_000  # fewer, as with --quick, do not answer the question
INSTANCE_ID = r'"id":"(inst-[0-9a-z]+)"'
REST_S = 300


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows are measured on. `large`, like `moto`, runs only where a row needs it."""

    small: Server
    large: Server
    quiet: Server
    asgi: Server
    moto: Server
    ground: prepare.Ground
    cpus: Cpus
    rounds: int
    seconds: float
    say: Callable[[str], None]

    def under(
        self,
        server: Server,
        request: Request,
        clients: int,
        after: Callable[[], None] | None = None,
    ) -> Measure:
        job = Job(
            port=server.port, request=request, clients=clients, seconds=self.seconds,
            cpu=self.cpus.load,
        )  # fmt: skip
        return served(server, job, after)

    def sqlite(self, kind: str, clients: int, *, large: bool = False, limit: int = 100) -> Measure:
        path = self.ground.floor_large if large else self.ground.floor_small
        job = floor_sqlite.Job(
            database=str(path), template=self.ground.template, kind=kind, clients=clients,
            seconds=self.seconds, limit=limit, cpu=self.cpus.server,
        )  # fmt: skip
        return lambda: Turn(result=floor_sqlite.run(job))

    def measure(self, contenders: dict[str, Measure]) -> dict[str, Figure]:
        return interleaved(contenders, self.rounds, self.say)


def at_rest(server: Server) -> None:
    """Waits until every operation has ended: the next turn must not pay for this one."""
    until = time.monotonic() + REST_S
    with httpx2.Client(base_url=server.url, headers={"X-API-Key": server.key}) as client:
        for state in ("pending", "running"):
            path = f"/v1/operations?limit=1&state={state}"
            while client.get(path).raise_for_status().json()["items"]:
                if time.monotonic() > until:
                    raise RuntimeError(f"operations did not end within {REST_S} s")
                time.sleep(0.2)


def creates(bench: Bench) -> list[Row]:
    return [row for clients in CLIENTS for row in create(bench, clients)]


def create(bench: Bench, clients: int) -> list[Row]:
    """With the engine at work, as a user has it, and with an engine that carries nothing out."""
    small, quiet = bench.small, bench.quiet
    figures = bench.measure({
        "atoll": bench.under(small, prepare.create_request(small.key), clients,
                             lambda: at_rest(small)),
        "accepted only": bench.under(quiet, prepare.create_request(quiet.key), clients),
        "asgi": bench.under(bench.asgi, prepare.create_request("none"), clients),
        "sqlite": bench.sqlite("create", clients),
        "moto": bench.under(bench.moto, moto.create_request(), clients),
    })  # fmt: skip
    rows = []
    written = rows_of_a_create(bench.ground)
    for name, what in (("atoll", "create accepted"), ("accepted only", "create, engine idle")):
        own, floor, peer = figures[name].per_s, figures["sqlite"].per_s, figures["moto"].per_s
        met = own >= CREATE_MOTO_MIN * peer and own >= CREATE_SQLITE_MIN * floor
        rows.append(Row(
            what=f"{what}, {clients} client{'s' * (clients > 1)}", unit="1/s", atoll=own,
            asgi=figures["asgi"].per_s, sqlite=floor, moto=peer,
            bar="≥ 30 x moto, ≥ 0.6 x SQLite", met=met,
            note=f"{cpu_words(figures[name])}; {written}",
        ))  # fmt: skip
        if clients == 1:
            rows.append(latency(what, figures[name], figures))
    return rows


def latency(what: str, own: Figure, figures: dict[str, Figure]) -> Row:
    return Row(
        what=f"{what}, 1 client: p99", unit="ms", atoll=own.p99_ms, lower_is_better=True,
        asgi=figures["asgi"].p99_ms, sqlite=figures["sqlite"].p99_ms, moto=figures["moto"].p99_ms,
        bar="< 10 ms", met=own.p99_ms < CREATE_P99_MS_MAX, note=f"p50 {number(own.p50_ms)} ms.",
    )  # fmt: skip


def rows_of_a_create(ground: prepare.Ground) -> str:
    """Counted in the database, not asserted."""
    connection = sqlite3.connect(ground.floor_small)
    counts = [
        (table, connection.execute(
            f"SELECT count(*) FROM {table} WHERE {where}", {"id": ground.template}
        ).fetchone()[0])
        for table, where in floor_sqlite.CREATE_ROWS
    ]  # fmt: skip
    connection.close()
    return "a create writes " + ", ".join(f"{count} {table}" for table, count in counts)


def cpu_words(figure: Figure) -> str:
    return f"{number(figure.cpu_us)} µs of the server's CPU each"


def gets(bench: Bench) -> list[Row]:
    path = f"/v1/instances/{bench.ground.template}"
    moto_id = load_one_moto_id(bench)
    figures = bench.measure(
        {
            "small": bench.under(bench.small, prepare.get_request(bench.small.key, path), 32),
            "large": bench.under(bench.large, prepare.get_request(bench.large.key, path), 32),
            "asgi": bench.under(bench.asgi, prepare.get_request("none", path), 32),
            "sqlite small": bench.sqlite("get", 32),
            "sqlite large": bench.sqlite("get", 32, large=True),
            "moto": bench.under(bench.moto, moto.get_request(moto_id), 32),
        }
    )
    return [
        Row(
            what=f"get at {count:,} rows", unit="1/s", atoll=figures[size].per_s,
            asgi=figures["asgi"].per_s, sqlite=figures[f"sqlite {size}"].per_s,
            moto=figures["moto"].per_s if size == "small" else None,
            note=cpu_words(figures[size]),
        )
        for size, count in sizes(bench)
    ]  # fmt: skip


def sizes(bench: Bench) -> list[tuple[str, int]]:
    return [("small", bench.ground.small_rows), ("large", bench.ground.large_rows)]


def load_one_moto_id(bench: Bench) -> str:
    answer = httpx2.post(
        bench.moto.url, content=moto.create_request().body, headers=moto.HEADERS, timeout=60
    )
    found = answer.text.partition("<instanceId>")[2].partition("<")[0]
    if not found:
        raise RuntimeError(f"moto made no instance: {answer.text[:500]}")
    return found


def lists(bench: Bench) -> list[Row]:
    """Moto keeps 1,000 only: to make 100,000 there over HTTP would take the better part of a
    day, and its lists get slower with each."""
    bench.say(f"filling moto with {bench.ground.small_rows} instances")
    moto.fill(bench.moto.port, bench.ground.small_rows, bench.cpus.load)
    return [row for limit in (100, 1000) for row in list_of(bench, limit)]


def dialects(bench: Bench) -> list[Row]:
    """The same page in the words of another dialect."""
    paths = {"native": "/v1/instances?limit=500", "vultr": "/v2/instances?per_page=500"}
    key = bench.small.key
    figures = bench.measure({
        name: bench.under(bench.small, prepare.get_request(key, path), 4)
        for name, path in paths.items()
    })  # fmt: skip
    own, native = figures["vultr"].per_s, figures["native"].per_s
    return [Row(
        what="list of 500 in Vultr's words", unit="1/s", atoll=own, other=native,
        other_name="the native list", bar="≥ 0.6 x the native list",
        met=own >= DIALECT_NATIVE_MIN * native, note=cpu_words(figures["vultr"]),
    )]  # fmt: skip


def list_of(bench: Bench, limit: int) -> list[Row]:
    path = f"/v1/instances?limit={limit}"
    figures = bench.measure(
        {
            "small": bench.under(bench.small, prepare.get_request(bench.small.key, path), 4),
            "large": bench.under(bench.large, prepare.get_request(bench.large.key, path), 4),
            "asgi": bench.under(bench.asgi, prepare.get_request("none", path), 4),
            "sqlite small": bench.sqlite("list", 4, limit=limit),
            "sqlite large": bench.sqlite("list", 4, limit=limit, large=True),
            "moto": bench.under(bench.moto, moto.list_request(limit), 4),
        }
    )
    rows = []
    for size, count in sizes(bench):
        own, peer = figures[size].per_s, figures["moto"].per_s
        growth = figures["small"].per_s / own
        bar, met = "", None
        if size == "large" and limit == 100:
            bar = "time ≤ 1.5 x that at 1,000, at 100,000 rows"
            met = growth <= LIST_GROWTH_MAX if count >= BAR_ROWS else None
        elif size == "small" and limit == 1000:
            bar, met = "≥ 50 x moto", own >= LIST_MOTO_MIN * peer
        rows.append(Row(
            what=f"list of {limit:,} at {count:,} rows", unit="1/s", atoll=own,
            asgi=figures["asgi"].per_s, sqlite=figures[f"sqlite {size}"].per_s,
            moto=peer if size == "small" else None, bar=bar, met=met,
            note=cpu_words(figures[size]) + f"; {growth:.2f} x the time at fewer rows.",
        ))  # fmt: skip
    return rows


def create_to_running(bench: Bench) -> list[Row]:
    """One client, from the create to the answer that says running; then how many a second."""
    key = bench.small.key
    until = msgspec.structs.replace(
        prepare.get_request(key, "/v1/instances/{id}?wait=30&until=running"),
        within='"state":"running"',
    )
    again = prepare.get_request("none", "/v1/instances/{id}")

    def chain(server: Server, request: Request, following: Request, find: str) -> Measure:
        job = Job(
            port=server.port, request=request, following=following, find=find,
            seconds=bench.seconds, cpu=bench.cpus.load,
        )  # fmt: skip
        return served(server, job)

    figures = bench.measure({
        "atoll": chain(bench.small, prepare.create_request(key), until, INSTANCE_ID),
        "asgi": chain(bench.asgi, prepare.create_request("none"), again, INSTANCE_ID),
        "sqlite": bench.sqlite("carry", 1),
        "moto": chain(bench.moto, moto.create_request(), moto.running_request(),
                      moto.INSTANCE_ID),
    })  # fmt: skip
    note = f"p99 {number(figures['atoll'].p99_ms)} ms; {cpu_words(figures['atoll'])}"
    return [
        Row(what="create→running (simulator), 1 client", unit="ms", lower_is_better=True,
            note=note, atoll=figures["atoll"].p50_ms, asgi=figures["asgi"].p50_ms,
            sqlite=figures["sqlite"].p50_ms, moto=figures["moto"].p50_ms),
        throughput(bench),
    ]  # fmt: skip


def throughput(bench: Bench) -> Row:
    """As many creates as 32 clients get accepted, and the time until the last one runs."""
    began = time.perf_counter()
    turn = bench.under(
        bench.small, prepare.create_request(bench.small.key), 32, lambda: at_rest(bench.small)
    )()
    seconds = time.perf_counter() - began
    floor = floor_sqlite.run(floor_sqlite.Job(
        database=str(bench.ground.floor_small), template=bench.ground.template, kind="carry",
        clients=32, seconds=bench.seconds, cpu=bench.cpus.server,
    ))  # fmt: skip
    return Row(
        what="create→running (simulator), 32 clients", unit="1/s", atoll=turn.result.done / seconds,
        sqlite=floor.per_s,
        note=f"{turn.result.done} accepted at {number(turn.result.per_s)}/s, all running after "
        f"{seconds:.1f} s.",
    )  # fmt: skip
