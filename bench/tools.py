"""`python -m bench.tools`: the library ocp-agent beside the one of its name and beside FastMCP.

Each reads the same documents in processes of its own, interleaved; medians. The peers are installed
below the cache on the first run; one that cannot be is left out, and that is said.
"""

import argparse
import asyncio
import itertools
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from rich.console import Console
from rich.table import Table

from ocp_agent import OCPAgent

CACHE = Path(".cache/bench")
PEERS = {"reference": "ocp-agent==0.3.0", "fastmcp": "fastmcp==4.1.2"}
GITHUB = ("@octokit/openapi@23.0.2", "package/generated/api.github.com.json")
VULTR = Path("tests/ocp_agent/vultr.json")
LONGEST_S = 120
CALLS, ROUNDS = 20, 150
Json = dict[str, Any]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.tools", description=__doc__)
    parser.add_argument("--vultr", type=Path, default=VULTR, help="Vultr's document")
    parser.add_argument("--github", type=Path, help="GitHub's; else fetched by npm")
    parser.add_argument("--python", action="append", default=[], metavar="PEER=PATH",
                        help="a peer's interpreter, instead of installing it")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


# -- What is read ----------------------------------------------------------------------------------


def reference_to(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def document_of(schemas: Json, of_operation: Callable[[int], tuple[str, str]], count: int) -> Json:
    paths = {}
    for number in range(count):
        taken, answered = of_operation(number)
        taken_body = {"content": {"application/json": {"schema": reference_to(taken)}}}
        answer = {"content": {"application/json": {"schema": reference_to(answered)}}}
        paths[f"/r{number}"] = {"post": {
            "operationId": f"op{number}", "summary": "Does it",
            "requestBody": taken_body, "responses": {"200": {"description": "", **answer}},
        }}  # fmt: skip
    info = {"title": "Synthetic", "version": "1"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def exploding() -> Json:
    """2.5 KB: each of 18 levels names the next one twice."""
    schemas: Json = {
        f"L{n}": {"type": "object", "properties": {k: reference_to(f"L{n + 1}") for k in "ab"}}
        for n in range(18)
    }
    schemas["L18"] = {"type": "string"}
    return document_of(schemas, lambda _: ("L0", "L0"), 1)


def dense() -> Json:
    """1,000 operations over 240 schemas, each of which names the eight after it."""
    schemas: Json = {
        f"S{n}": {"type": "object", "properties": {
            "name": {"type": "string"},
            **{f"r{m}": reference_to(f"S{m}") for m in range(n + 1, min(n + 9, 240))},
        }}
        for n in range(240)
    }  # fmt: skip
    return document_of(schemas, lambda n: (f"S{n % 240}", f"S{n * 7 % 240}"), 1_000)


def github() -> Path | None:
    package, inside = GITHUB
    folder = CACHE / "github"
    if not (folder / inside).exists() and shutil.which("npm"):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=False,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        for archive in folder.glob("*.tgz"):
            shutil.unpack_archive(archive, folder, filter="data")
    return folder / inside if (folder / inside).exists() else None


# -- Who reads it ----------------------------------------------------------------------------------


def interpreters(given: list[str], console: Console) -> dict[str, str]:
    found = {"ours": sys.executable}
    chosen = dict(one.split("=", 1) for one in given)
    for name, package in PEERS.items():
        python = chosen.get(name) or installed(name, package)
        if python is None:
            console.print(f"{package} cannot be installed, and is left out", style="yellow")
        else:
            found[name] = python
    return found


def installed(name: str, package: str) -> str | None:
    environment = CACHE / name
    python = environment / "bin" / "python"
    uv = shutil.which("uv") or ".tools/bin/uv"
    if not python.exists():
        subprocess.run([uv, "venv", "-q", "--clear", str(environment)], check=True)
        command = [uv, "pip", "install", "-q", "--python", str(python), package]
        if subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode:
            shutil.rmtree(environment)
            return None
    return str(python.absolute())


def measured(library: str, python: str, document: Path) -> Json | None:
    """None where it did not get to an end."""
    with tempfile.TemporaryDirectory(prefix="atb") as home:
        command = [python, "bench/tools_subject.py", library, str(document)]
        environment = {**os.environ, "HOME": home}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True,
                                  timeout=LONGEST_S, check=False)  # fmt: skip
        except subprocess.TimeoutExpired:
            return None
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def read_by_all(documents: dict[str, Path], pythons: dict[str, str], rounds: int) -> Table:
    headings = ("document", "library", "tools", "slots without parameter", "registered ms",
                "with all schemas ms", "peak MB", "cache KB")  # fmt: skip
    table = Table(title="Read, listed, described (medians of interleaved rounds)")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in headings[:2] else "right")
    for name, document in documents.items():
        runs: dict[str, list[Json | None]] = {library: [] for library in pythons}
        for _ in range(rounds):
            for library, python in pythons.items():
                if None not in runs[library]:
                    runs[library].append(measured(library, python, document))
        for library, every in runs.items():
            table.add_row(name, library, *cells_of(every))
    return table


def cells_of(every: list[Json | None]) -> list[str]:
    good = [one for one in every if one is not None]
    if len(good) < len(every):
        return [f"fails, or takes more than {LONGEST_S} s"]

    def median(key: str, factor: float = 1) -> str:
        return f"{statistics.median(one[key] for one in good) * factor:,.0f}"

    return [
        median("tools"), median("missing"), median("registered_s", 1e3), median("whole_s", 1e3),
        median("peak_mb"), median("cache_bytes", 1e-3),
    ]  # fmt: skip


# -- What a call costs -----------------------------------------------------------------------------

SIGNED = {"Authorization": "Bearer key"}
GIVEN = {"instance_id": "i-1", "description": "before"}
ANSWER = b'{"snapshot":{"id":"s-1","status":"complete"}}'


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        self.answer()

    def answer(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        head = f"HTTP/1.1 201 Created\r\nContent-Length: {len(ANSWER)}\r\n\r\n".encode()
        self.wfile.write(head + ANSWER)

    def log_message(self, *_: Any) -> None:
        """Nothing: it is measured."""


def answer_all(port: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    port.send(server.server_port)
    server.serve_forever()


class Compared(NamedTuple):
    """The same request, bare and by its tool; each makes many of them."""

    name: str
    bare: Callable[[], object]
    tool: Callable[[], object]


def overhead(vultr: Path) -> Table:
    """Of each round the ratio, of all rounds the median: the machine is shared, and what others do
    in one round they do to both."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=answer_all, args=(theirs,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ours.recv()}"
    agent = OCPAgent(enable_cache=False)
    agent.register_api("vultr", vultr, url, auth="key")
    table = Table(title="A call of a tool over the bare request (bar: at most +15 %)")
    for heading in ("", "bare µs", "tool µs", "processor's time", "by the clock"):
        table.add_column(heading, justify="right" if heading else "left")
    with asyncio.Runner() as runner:
        for case in (*called(agent, url), awaited(agent, url, runner)):
            table.add_row(case.name, *ratios_of(case))
    server.kill()
    return table


def called(agent: OCPAgent, url: str) -> Iterator[Compared]:
    client = httpx2.Client()

    def bare() -> None:
        for _ in range(CALLS):
            client.post(f"{url}/snapshots", json=GIVEN, headers=SIGNED).json()

    def tool() -> None:
        for _ in range(CALLS):
            agent.call_tool("createSnapshot", GIVEN).json()

    yield Compared("called", bare, tool)
    numbers = itertools.count()

    def bare_elsewhere() -> None:
        for number in itertools.islice(numbers, CALLS):
            given = {"description": "a"}
            client.put(f"{url}/snapshots/{number}", json=given, headers=SIGNED).json()

    def tool_elsewhere() -> None:
        for number in itertools.islice(numbers, CALLS):
            given = {"snapshot_id": str(number), "description": "a"}
            agent.call_tool("putSnapshotsSnapshotId", given).json()

    yield Compared("called, each time of another path", bare_elsewhere, tool_elsewhere)


def awaited(agent: OCPAgent, url: str, runner: asyncio.Runner) -> Compared:
    client = httpx2.AsyncClient()

    async def bare() -> None:
        for _ in range(CALLS):
            (await client.post(f"{url}/snapshots", json=GIVEN, headers=SIGNED)).json()

    async def tool() -> None:
        for _ in range(CALLS):
            (await agent.call_tool("createSnapshot", GIVEN)).json()

    return Compared("awaited", lambda: runner.run(bare()), lambda: runner.run(tool()))


def ratios_of(case: Compared) -> list[str]:
    """Medians; who comes first takes turns."""
    rounds = []
    for number in range(ROUNDS + 1):
        first, second = (case.bare, case.tool)[:: 1 if number % 2 else -1]
        took = {first: once(first), second: once(second)}
        rounds.append((*took[case.bare], *took[case.tool]))
    counted = rounds[1:]  # the first one connects
    bare, _, tool, _ = (statistics.median(column) for column in zip(*counted, strict=True))
    processor = statistics.median(row[2] / row[0] for row in counted) - 1
    clock = statistics.median(row[3] / row[1] for row in counted) - 1
    return [f"{bare:.0f}", f"{tool:.0f}", f"{processor:+.1%}", f"{clock:+.1%}"]


def once(many: Callable[[], object]) -> tuple[float, float]:
    """What a call takes: of this process' processor, and by the clock."""
    used, began = time.process_time(), time.perf_counter()
    many()
    took = time.process_time() - used, time.perf_counter() - began
    return took[0] / CALLS * 1e6, took[1] / CALLS * 1e6


def import_ms() -> str:
    """Of modules that were compiled before, as after an installation; the best of many, too."""
    environment = {key: one for key, one in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

    def run(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        return 1e3 * (time.perf_counter() - began)

    own, bare = (min(run(code) for _ in range(15)) for code in ("import ocp_agent", "pass"))
    return f"import ocp_agent: {own - bare:.0f} ms more than a bare Python (bar: 150 ms)"


def main() -> int:
    chosen, console = options(), Console(width=130)
    pythons = interpreters(chosen.python, console)
    with tempfile.TemporaryDirectory(prefix="atb") as folder:
        documents = {"vultr": chosen.vultr}
        if (large := chosen.github or github()) is not None:
            documents["github"] = large
        for name, said in (("exploding", exploding()), ("dense", dense())):
            documents[name] = Path(folder) / f"{name}.json"
            documents[name].write_text(json.dumps(said))
        console.print(read_by_all(documents, pythons, chosen.rounds))
    console.print(overhead(chosen.vultr))
    console.print(import_ms())
    return 0


if __name__ == "__main__":
    sys.exit(main())
