"""Snapshots of a running guest beside QEMU's own, and a guest of a snapshot beside one of an image.

`__main__` calls it. The guest has a disk of 10 GB, has written one GB of it, and writes a block
again and again. The same guest runs under QEMU alone as well; while one of the two is measured the
other is paused. Three things take turns with the bare snapshot: first the API, then, without the
server, the driver on the server's guest.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from atoll import settings
from atoll.domain import ids
from atoll.drivers.qemu.command_line import CONSOLE_LOG, RESCUE_SOCKET
from atoll.drivers.qemu.monitor import open_socket
from atoll.roots import qemu_host
from atoll.system import RandomIds, SystemClock
from bench import boot, servers
from bench.table import Row, number

TIMES_MAX, PAUSE_MS_MAX, READY_TIMES_MAX = 1.2, 1000.0, 1.1
ROUNDS = 7
FILL_S = 300
BEATS, BEATS_S = 20, 60
POLL_S = 0.02
DISK_GB = 10
IMAGE = "atoll-mini"
SPEC = {"type": "mini", "image": IMAGE, "disk_gb": DISK_GB}
SCRIPT = b"""#!/bin/sh
dd if=/dev/zero of=/root/filled bs=1M count=1024 conv=fsync
beat() {
    while sleep 0.02; do
        dd if=/dev/zero of=/root/beat bs=4k count=1 conv=notrunc,fsync 2>/dev/null
        read -r now _ </proc/uptime
        now=${now%.*}${now#*.}
        [ -z "$before" ] || echo "beat $((now - before))"
        before=$now
    done
}
beat >/dev/ttyS0 &
"""
BEAT = re.compile(rb"^beat (\d+)\r?$", re.MULTILINE)


class Qemu:
    """One that runs in a folder, by its second monitor."""

    def __init__(self, folder: Path, pid: int) -> None:
        connection = open_socket(folder, pid, RESCUE_SOCKET)
        connection.setblocking(True)
        self._stream = connection.makefile("rw")
        self.log = folder / CONSOLE_LOG
        self.pid = pid
        self.do("qmp_capabilities")

    def do(self, command: str, **arguments: Any) -> Any:
        words = {"execute": command, "arguments": arguments, "id": "ours"}
        self._stream.write(json.dumps(words) + "\n")
        self._stream.flush()
        while (answer := json.loads(self._stream.readline())).get("id") != "ours":
            pass  # its greeting, and events
        if "error" in answer:
            raise RuntimeError(f"QEMU refused {command}: {answer['error']}")
        return answer["return"]

    def beats(self, start: int | None = None) -> list[int]:
        """Milliseconds between the writes that ended from then (now, if left out) until there are
        enough of them. The guest's clock tells hundredths of a second."""
        offset = self.log.stat().st_size if start is None else start
        until = time.monotonic() + BEATS_S
        while time.monotonic() < until:
            with self.log.open("rb") as file:
                file.seek(offset)
                found = BEAT.findall(file.read())
            if len(found) >= BEATS:
                return [10 * int(hundredths) for hundredths in found]
            time.sleep(POLL_S)
        raise RuntimeError(f"the guest of {self.log} does not write any more")


class Pair(msgspec.Struct, frozen=True):
    """The two guests. `ours` is the server's."""

    ours: Qemu
    bare: Qemu

    @contextlib.contextmanager
    def only(self, one: Qemu) -> Iterator[None]:
        """The other is paused, and what it left undone is over."""
        other = self.bare if one is self.ours else self.ours
        other.do("stop")
        one.beats()
        try:
            yield
        finally:
            other.do("cont")


class Times(msgspec.Struct, kw_only=True):
    """In milliseconds, a figure for each round."""

    own: list[float] = []
    bare: list[float] = []
    idle_gaps: list[float] = []
    gaps: list[float] = []


def row(home: Path, rounds: int, say: Callable[[str], None]) -> list[Row]:
    if reason := boot.missing():
        return [Row(what=f"snapshot of {DISK_GB} GB", unit="ms", atoll=None, note=reason)]
    state, template = home / "snapshots" / "state", home / "snapshots" / "template"
    with boot.ends_guests(state), contextlib.ExitStack() as bare:
        with servers.atoll("snapshots", state, None, driver="qemu") as server:
            headers = {"X-API-Key": server.key}
            with httpx2.Client(base_url=server.url, headers=headers, timeout=90) as client:
                say("a guest that writes one GB")
                guest_id, _ = create(client, "source", FILL_S, user_data=b64encode(SCRIPT).decode())
                boot.keep(guest_id, state, template)
                say("the same one under QEMU alone")
                record = json.loads((state / "guests" / guest_id / "guest.json").read_bytes())
                pair = Pair(
                    Qemu(state / "guests" / guest_id, record["pid"]),
                    bare.enter_context(bare_guest(template, state)),
                )
                by_api, snapshot_id = through_api(client, guest_id, pair, rounds, say)
                ready = to_ready(client, snapshot_id, pair, rounds, say)
        by_driver = asyncio.run(
            through_driver(state, record["spec"]["root_volume_id"], pair, rounds, say)
        )
    return rows_of(by_api, by_driver, ready)


def create(client: httpx2.Client, name: str, ready_s: float, **spec: Any) -> tuple[str, float]:
    """Its id, and the seconds from the request until it is ready."""
    body = {"metadata": {"name": name}, "spec": SPEC | spec}
    began = time.perf_counter()
    made = client.post("/v1/instances", json=body).raise_for_status().json()
    return made["id"], boot.wait(client, made["id"], "ready", began, ready_s)


@contextlib.contextmanager
def bare_guest(template: Path, state: Path) -> Iterator[Qemu]:
    """The command line of the server's guest, on a disk of its own over the same image."""
    folder = state / "guests-bare" / "one"
    folder.mkdir(parents=True)
    shutil.copy(template / "seed.iso", folder / "seed.iso")
    words = boot.bare_command(json.loads((template / "command.json").read_text()))
    root = root_of(words)
    base = (folder / root["backing"]["file"]["filename"]).resolve()
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(base), "-F", "qcow2",
         str(folder / root["file"]["filename"]), f"{DISK_GB}G"], check=True,
    )  # fmt: skip
    quiet = subprocess.DEVNULL
    child = subprocess.Popen(words, cwd=folder, stdin=quiet, stdout=quiet)
    try:
        ready = folder / "ready.log"
        until = time.monotonic() + FILL_S
        while not (ready.exists() and b"ready" in ready.read_bytes()):
            if child.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the bare guest did not become ready")
            time.sleep(POLL_S)
        yield Qemu(folder, child.pid)
    finally:
        child.kill()
        child.wait()


def root_of(words: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = next(
        json.loads(word) for word in words if word.startswith('{"driver"') and '"backing"' in word
    )
    return found


def snapshot_bare(bare: Qemu, name: str) -> float:
    """QEMU makes the new file, puts it on top, and answers."""
    disks = bare.do("query-block")
    node = next(disk for disk in disks if "/root/" in disk["qdev"])["inserted"]["node-name"]
    words = {"node-name": node, "snapshot-file": f"{name}.qcow2", "snapshot-node-name": name}
    return elapsed_ms(lambda: bare.do("blockdev-snapshot-sync", **words))


def elapsed_ms(action: Callable[[], Any]) -> float:
    began = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - began)


def through_api(
    client: httpx2.Client, guest_id: str, pair: Pair, rounds: int, say: Callable[[str], None]
) -> tuple[Times, str]:
    """And the last snapshot's id."""
    times, made = Times(), {"id": ""}

    def take() -> None:
        body = {"metadata": {"name": f"after-{len(times.own)}"}, "spec": {"instance_id": guest_id}}
        made.update(client.post("/v1/snapshots", json=body).raise_for_status().json())
        path = f"/v1/operations/{made['operation_id']}?wait=60"
        ended = client.get(path).raise_for_status().json()
        if ended["status"] != "completed":
            raise RuntimeError(f"the snapshot was not taken: {ended}")

    for turn in range(rounds):
        say(f"snapshot {turn + 1} of {rounds}")
        with pair.only(pair.ours):
            times.idle_gaps.append(max(pair.ours.beats()))
            start = pair.ours.log.stat().st_size
            times.own.append(elapsed_ms(take))
            times.gaps.append(max(pair.ours.beats(start)))
        with pair.only(pair.bare):
            times.bare.append(snapshot_bare(pair.bare, f"api-{turn}"))
    return times, made["id"]


async def through_driver(
    state: Path, volume_id: str, pair: Pair, rounds: int, say: Callable[[str], None]
) -> Times:
    """The server is gone and its guest is not. What one asks the driver on this host."""
    times, clock = Times(), SystemClock()
    configured = settings.read(["--state", str(state)], os.environ)
    (driver,) = (await qemu_host.build(configured, clock, None)).values()
    await driver.open(lambda _facts: None)
    new_ids = RandomIds(clock)
    try:
        for turn in range(rounds):
            say(f"snapshot by the driver {turn + 1} of {rounds}")
            with pair.only(pair.ours):
                began = time.perf_counter()
                await driver.ensure_snapshot(new_ids.new(ids.SNAPSHOT), volume_id)
                times.own.append(1000 * (time.perf_counter() - began))
            with pair.only(pair.bare):
                times.bare.append(snapshot_bare(pair.bare, f"driver-{turn}"))
    finally:
        await driver.close()
    return times


def to_ready(
    client: httpx2.Client,
    snapshot_id: str,
    pair: Pair,
    rounds: int,
    say: Callable[[str], None],
) -> dict[str, list[float]]:
    """Seconds from create to ready. Nothing else runs meanwhile."""
    seconds: dict[str, list[float]] = {"snapshot": [], "image": []}
    images = {"snapshot": snapshot_id, "image": IMAGE}
    for one in (pair.ours, pair.bare):
        one.do("stop")
    for turn in range(rounds):
        for source, image in images.items():
            say(f"boot {turn + 1} of {rounds} from the {source}")
            instance_id, ready_s = create(client, f"boot-{turn}", boot.READY_S, image=image)
            seconds[source].append(ready_s)
            gone = client.delete(f"/v1/instances/{instance_id}").raise_for_status().json()
            client.get(f"/v1/operations/{gone['operation_id']}?wait=60").raise_for_status()
    for one in (pair.ours, pair.bare):
        one.do("cont")
    return seconds


def rows_of(by_api: Times, by_driver: Times, ready: dict[str, list[float]]) -> list[Row]:
    what = f"snapshot of {DISK_GB} GB, guest running"
    own, bare = statistics.median(by_driver.own), statistics.median(by_driver.bare)
    pause = max(by_api.gaps)
    from_snapshot = statistics.median(ready["snapshot"])
    from_image = statistics.median(ready["image"])
    return [
        Row(what=f"{what}, by the driver", unit="ms", lower_is_better=True, atoll=own, other=bare,
            other_name="bare snapshot", bar="≤ 1.2 x bare snapshot", met=own <= TIMES_MAX * bare,
            note=f"spread {spread(by_driver.own)} ms, bare {spread(by_driver.bare)} ms."),
        Row(what=f"{what}, POST until complete", unit="ms", lower_is_better=True,
            atoll=statistics.median(by_api.own), other=statistics.median(by_api.bare),
            other_name="bare snapshot",
            note=f"spread {spread(by_api.own)} ms, bare {spread(by_api.bare)} ms."),
        Row(what="longest gap between writes in the guest", unit="ms", lower_is_better=True,
            atoll=pause, other=max(by_api.idle_gaps), other_name="without a snapshot",
            bar="< 1 s", met=pause < PAUSE_MS_MAX,
            note=f"medians {number(statistics.median(by_api.gaps))} and "
            f"{number(statistics.median(by_api.idle_gaps))} ms."),
        Row(what="create→ready from a snapshot", unit="s", lower_is_better=True,
            atoll=from_snapshot, other=from_image, other_name="from the image",
            bar="≤ 1.1 x from the image", met=from_snapshot <= READY_TIMES_MAX * from_image,
            note=f"spread {spread(ready['snapshot'])} s, image {spread(ready['image'])} s."),
    ]  # fmt: skip


def spread(figures: list[float]) -> str:
    return f"{number(min(figures))}-{number(max(figures))}"
