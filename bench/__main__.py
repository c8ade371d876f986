"""`python -m bench`: measures everything in one run and prints it as ratios.

`make bench` calls it. Figures are printed beside their bars and never asserted; an answer that was
not expected ends the run.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from rich.console import Console

from bench import boot, moto, postgres, prepare, processes, rows, scale, servers, snapshots
from bench.table import Row, show

SMALL_ROWS, LARGE_ROWS, LARGE_ROWS_QUICK = 1_000, 100_000, 20_000
OVER_HTTP: dict[str, Callable[[rows.Bench], list[Row]]] = {
    "get": rows.gets,
    "list": rows.lists,
    "dialects": rows.dialects,
    "create": rows.creates,
    "running": rows.create_to_running,
}
OTHERS = ("boot", "snapshot", "idle", "help", "postgres", "hosts", "pages", "fair", "restart")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter rounds, fewer rows")
    parser.add_argument("--only", action="append", choices=[*OVER_HTTP, *OTHERS], default=[])
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    parser.add_argument("--home", type=Path, help="keep state directories and logs here")
    return parser.parse_args()


@contextlib.contextmanager
def bench_of(home: Path, quick: bool, console: Console) -> Iterator[rows.Bench]:
    cpus = servers.cpus_here()

    def say(words: str) -> None:
        console.print(f"  {words}", style="dim")

    say("filling the databases")
    large_rows = LARGE_ROWS_QUICK if quick else LARGE_ROWS
    ground = prepare.prepare(home, SMALL_ROWS, large_rows, cpus)
    with (
        servers.atoll("small", ground.small, cpus.server) as small,
        servers.atoll("large", ground.large, cpus.server) as large,
        servers.atoll("quiet", ground.quiet, cpus.server, module="bench.quiet") as quiet,
        servers.asgi_floor(ground.template_file, cpus.server) as asgi,
        moto.server(home, cpus.server) as peer,
    ):
        yield rows.Bench(
            small=small, large=large, quiet=quiet, asgi=asgi, moto=peer, ground=ground, cpus=cpus,
            rounds=3 if quick else 5, seconds=1.0 if quick else 2.0, say=say,
        )  # fmt: skip


def measure(home: Path, wanted: list[str], quick: bool, console: Console) -> list[Row]:
    found: list[Row] = []
    cpus = servers.cpus_here()

    def say(words: str) -> None:
        console.print(f"  {words}", style="dim")

    # Before any other server runs, so that nothing else is on the machine.
    if "help" in wanted:
        found += processes.help_time()
    if "idle" in wanted:
        found += processes.idle(home, cpus)
    if "boot" in wanted:
        found += boot.row(home, 3 if quick else boot.ROUNDS, say)
    if "snapshot" in wanted:
        found += snapshots.row(home, 3 if quick else snapshots.ROUNDS, say)
    if "postgres" in wanted:
        found += postgres.creates(home, 3 if quick else 5, 2.0, say)
    for name, rows_of in scale.ROWS.items():
        if name in wanted:
            found += rows_of(home / name, say)
    over_http = [name for name in OVER_HTTP if name in wanted]
    if over_http:
        with bench_of(home, quick, console) as bench:
            for name in over_http:
                say(name)
                found += OVER_HTTP[name](bench)
    return found


def main() -> int:
    chosen = options()
    wanted = chosen.only or [*OVER_HTTP, *OTHERS]
    console, progress = Console(width=150), Console(stderr=True)
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        home = chosen.home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="atb")))
        home.mkdir(exist_ok=True)
        home.chmod(0o711)  # guests run as another user and reach their disks below
        found = measure(home.absolute(), wanted, chosen.quick, progress)
    show(found, console)
    console.print(f"{time.monotonic() - began:.0f} s; loads: {load_words()}", style="dim")
    if chosen.json is not None:
        chosen.json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))
    return 0


def load_words() -> str:
    return Path("/proc/loadavg").read_text().rsplit(maxsplit=2)[0]


if __name__ == "__main__":
    sys.exit(main())
