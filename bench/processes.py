"""The rows that are about a process: memory when idle, and the time of `atoll --help`."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench import servers
from bench.table import Row

IDLE_MB_MAX, HELP_MS_MAX = 100.0, 150.0
SETTLE_S = 3
HELP_RUNS = 20


def idle(home: Path, cpus: servers.Cpus) -> list[Row]:
    with servers.atoll("idle", home / "idle" / "state", cpus.server) as server:
        time.sleep(SETTLE_S)
        own = server.pss_mb()
    return [
        Row(what="idle server (simulator), PSS", unit="MB", atoll=own, lower_is_better=True,
            bar="< 100 MB", met=own < IDLE_MB_MAX)
    ]  # fmt: skip


def help_time() -> list[Row]:
    program = Path(sys.executable).parent / "atoll"
    own, bare = [], []
    for _ in range(HELP_RUNS):
        own.append(wall_ms([str(program), "--help"]))
        bare.append(wall_ms([sys.executable, "-c", "pass"]))
    milliseconds = statistics.median(own)
    return [
        Row(what="atoll --help", unit="ms", atoll=milliseconds, lower_is_better=True,
            other=statistics.median(bare), other_name="a bare Python", bar="< 150 ms",
            met=milliseconds < HELP_MS_MAX, note=f"median of {HELP_RUNS}.")
    ]  # fmt: skip


def wall_ms(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return 1000 * (time.perf_counter() - began)
