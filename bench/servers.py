"""Starts and ends the servers that are measured, each on a free port and on one CPU.

`rows` and `prepare` call it. It ends only what it started, by its process id.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

START_S = 60
STOP_S = 20


class Cpus(msgspec.Struct, frozen=True, kw_only=True):
    """None where the machine has one CPU only: then nothing is pinned."""

    server: int | None
    load: int | None


def cpus_here() -> Cpus:
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        return Cpus(server=None, load=None)
    return Cpus(server=usable[0], load=usable[1])


class Server(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    port: int
    pid: int
    key: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cpu_s(self) -> float:
        """Processor time of all threads so far, as the scheduler counted it."""
        spent_ns = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                spent_ns += int((task / "schedstat").read_text().split()[0])
        return spent_ns / 1e9

    def pss_mb(self) -> float:
        """Its share of the memory, in MB of 1,000,000 bytes."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024 / 1e6
        raise RuntimeError("the kernel does not tell Pss")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pinned(command: Sequence[str], cpu: int | None) -> list[str]:
    return [*command] if cpu is None else ["taskset", "-c", str(cpu), *command]


@contextlib.contextmanager
def process(
    name: str, command: Sequence[str], port: int, ready: str, home: Path, cpu: int | None
) -> Iterator[Server]:
    """Answers once `ready` answers 200. `home` holds its configuration and its log."""
    home.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"XDG_CONFIG_HOME": str(home / "config")}
    with (home / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            pinned(command, cpu), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
        )
    try:
        wait_for(f"http://127.0.0.1:{port}{ready}", child, home / f"{name}.log")
        yield Server(name=name, port=port, pid=child.pid)
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait_for(url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if child.poll() is not None:
            raise RuntimeError(f"a server ended: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"{url} did not answer within {START_S} s: {log.read_text()[-2000:]}")


@contextlib.contextmanager
def atoll(
    name: str,
    state: Path,
    cpu: int | None,
    *,
    module: str = "atoll",
    driver: str = "simulator",
    options: Sequence[str] = (),
) -> Iterator[Server]:
    port = free_port()
    command = [
        sys.executable, "-m", module, "serve", "--state", str(state), "--port", str(port),
        "--driver", driver, "--log-level", "warning", "--vultr-per-second", "0", *options,
    ]  # fmt: skip
    with process(name, command, port, "/readyz", state.parent, cpu) as server:
        key = (state / "admin.key").read_text().strip()
        yield msgspec.structs.replace(server, key=key)


@contextlib.contextmanager
def asgi_floor(template: Path, cpu: int | None) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "bench.floor_asgi", str(template), str(port)]
    with process("asgi", command, port, "/readyz", template.parent, cpu) as server:
        yield server
