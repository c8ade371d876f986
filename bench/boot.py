"""A real guest from create to ready, beside the bare boot of the same image by QEMU alone.

`__main__` calls it. The bare boot runs the very command line of Atoll's guest, read from the
kernel, on a fresh disk over the same image; it starts at once, and its ready line goes to a file.
"""

import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2

from bench import servers
from bench.servers import Server
from bench.table import Row, number

BOOT_TIMES_MAX = 1.2
ROUNDS = 5
READY_S = 120
IMAGE_S = 600
POLL_S = 0.005
BODY = {"metadata": {"name": "boot"}, "spec": {"type": "mini", "image": "atoll-mini"}}
QEMU = "qemu-system-x86_64"


def missing() -> str:
    """What is not installed, in a sentence; empty where nothing is missing."""
    absent = [p for p in (QEMU, "qemu-img", "mke2fs") if shutil.which(p) is None]
    return f"not measured: {', '.join(absent)} not installed" if absent else ""


def row(home: Path, rounds: int, say: Callable[[str], None]) -> list[Row]:
    """Guests use both CPUs, so nothing is pinned here."""
    what, bar = "create→ready (atoll-mini, QEMU)", "≤ 1.2 x bare boot"
    if reason := missing():
        return [Row(what=what, unit="s", atoll=None, bar=bar, note=reason)]
    own, bare, running = [], [], []
    state, template = home / "boot" / "state", home / "boot" / "template"
    with ends_guests(state), servers.atoll("boot", state, None, driver="qemu") as server:
        say("a first guest: the image is built or fetched from the cache")
        boot_by_atoll(server, IMAGE_S, state, template)
        for turn in range(rounds):
            say(f"boot {turn + 1} of {rounds}")
            ready_s, running_s = boot_by_atoll(server, READY_S)
            own.append(ready_s)
            running.append(running_s)
            bare.append(boot_bare(template, state))
    seconds, floor = statistics.median(own), statistics.median(bare)
    note = (
        f"spread {number(min(own))}-{number(max(own))} s, bare {number(min(bare))}-"
        f"{number(max(bare))} s; running after {number(statistics.median(running))} s."
    )
    return [
        Row(what=what, unit="s", atoll=seconds, lower_is_better=True, other=floor,
            other_name="bare boot", bar=bar, met=seconds <= BOOT_TIMES_MAX * floor, note=note)
    ]  # fmt: skip


@contextlib.contextmanager
def ends_guests(state: Path) -> Iterator[None]:
    """Guests outlive their server: what a broken run leaves behind is ended by its record."""
    try:
        yield
    finally:
        for record in state.glob("guests/*/guest.json"):
            pid = json.loads(record.read_bytes()).get("pid")
            if pid and f"guest={record.parent.name}" in words_of(pid):
                os.kill(pid, signal.SIGKILL)


def words_of(pid: int) -> list[str]:
    """A process's command line; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def boot_by_atoll(
    server: Server, ready_s: float, state: Path | None = None, template: Path | None = None
) -> tuple[float, float]:
    """Seconds to ready and to running. Keeps the guest's command line and seed where asked."""
    headers = {"X-API-Key": server.key}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=90) as client:
        began = time.perf_counter()
        made = client.post("/v1/instances", json=BODY).raise_for_status().json()
        running_s = wait(client, made["id"], "running", began, ready_s)
        taken_s = wait(client, made["id"], "ready", began, ready_s)
        if state is not None and template is not None:
            keep(made["id"], state, template)
        gone = client.delete(f"/v1/instances/{made['id']}").raise_for_status().json()
        path = f"/v1/operations/{gone['operation_id']}?wait=60"
        client.get(path).raise_for_status()
    return taken_s, running_s


def wait(
    client: httpx2.Client, instance_id: str, until: str, began: float, timeout_s: float
) -> float:
    while time.perf_counter() - began < timeout_s:
        path = f"/v1/instances/{instance_id}?wait=60&until={until}"
        status = client.get(path).raise_for_status().json()["status"]
        if status["state"] == "terminated":
            raise RuntimeError(f"the guest did not start: {status['reason']}")
        if status["ready"] if until == "ready" else status["state"] == "running":
            return time.perf_counter() - began
    raise RuntimeError(f"{instance_id} was not {until} within {timeout_s} s")


def keep(instance_id: str, state: Path, template: Path) -> None:
    template.mkdir(parents=True)
    folder = state / "guests" / instance_id
    words = words_of(json.loads((folder / "guest.json").read_bytes())["pid"])
    if f"guest={instance_id}" not in words:
        raise RuntimeError(f"no process runs {instance_id}")
    (template / "command.json").write_text(json.dumps(words))
    shutil.copy(folder / "seed.iso", template / "seed.iso")


def boot_bare(template: Path, state: Path) -> float:
    """The disk is made within the time, as Atoll makes one; the folder lies where a guest's
    does, so that the command's relative paths hold."""
    folder = state / "guests-bare" / "one"
    folder.mkdir(parents=True)
    shutil.copy(template / "seed.iso", folder / "seed.iso")
    words = bare_command(json.loads((template / "command.json").read_text()))
    root = next(json.loads(w) for w in words if w.startswith('{"driver"') and "backing" in w)
    base = (folder / root["backing"]["file"]["filename"]).resolve()
    began = time.perf_counter()
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(base), "-F", "qcow2",
         str(folder / "root.qcow2"), "1G"], check=True,
    )  # fmt: skip
    child = subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL)
    try:
        ready = folder / "ready.log"
        while not (ready.exists() and b"ready" in ready.read_bytes()):
            if child.poll() is not None or time.perf_counter() - began > READY_S:
                raise RuntimeError("the bare guest did not become ready")
            time.sleep(POLL_S)
        return time.perf_counter() - began
    finally:
        child.kill()
        child.wait()
        shutil.rmtree(folder.parent)


def bare_command(words: list[str]) -> list[str]:
    """Starts at once instead of waiting for a monitor's word; its own disk; no open ports."""
    changed = []
    for word in words:
        new = word
        if word.startswith("ringbuf,id=ready"):
            new = "file,id=ready,path=ready.log"
        elif word.startswith("user,"):
            new = word.partition(",hostfwd=")[0]
        elif word.startswith('{"driver"') and '"backing"' in word:
            root = json.loads(word)
            root["file"]["filename"] = "root.qcow2"
            new = json.dumps(root)
        if word != "-S":
            changed.append(new)
    return changed
