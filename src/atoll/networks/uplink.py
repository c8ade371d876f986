"""The uplink of a network, out of its namespace and into it: a process of slirp4netns.

It runs unprivileged except for low ports, connects to the outside as an ordinary program of this
host, and listens on the loopback of this host for each open port of a guest. The process outlives
Atoll, with all its connections. `bridge` calls this module; everything here blocks.
"""

import contextlib
import json
import os
import select
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import psutil

from atoll.domain.errors import DriverUnavailable
from atoll.networks import namespaces
from atoll.networks.bridge_rules import UPLINK
from atoll.networks.public_ports import Door

PROGRAM = "slirp4netns"
# Shared address space (RFC 6598), which user subnets cannot use. It represents the loopback of this
# host. Except for the resolver, the rules let no guest initiate traffic to it. slirp4netns could
# block it as well, but would then lose the replies to UDP from this host.
CIDR = "100.127.255.0/24"
RESOLVER = "100.127.255.3"
MTU = 65_520
START_S = 10.0
ANSWER_S = 5.0
END_S = 5.0
LOG_BYTES_MAX = 1 << 20
ANSWER_BYTES_MAX = 1 << 24


class Forward(msgspec.Struct, frozen=True):
    """A port on this host that is forwarded to a guest."""

    outer: Door
    private_ip: str
    port: int


class Uplink:
    """`folder` contains its socket and its log."""

    def __init__(self, namespace: str, folder: Path) -> None:
        self._namespace = namespace
        self._folder = folder
        self._process: psutil.Process | None = None

    @property
    def alive(self) -> bool:
        process = self._process
        with contextlib.suppress(psutil.Error):
            return bool(
                process and process.is_running() and process.status() != psutil.STATUS_ZOMBIE
            )
        return False

    def ensure(self) -> None:
        """Resume the running process, or start one."""
        if self.alive:
            return
        self._process = self._find()
        if self._process is not None:
            with contextlib.suppress(DriverUnavailable):
                self.forwards()
                return
            self.stop()  # the process neither works nor ends
        self._start()

    def _find(self) -> psutil.Process | None:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = process.cmdline()
                if words and Path(words[0]).name == PROGRAM and self._path in words:
                    return process
        return None

    def _start(self) -> None:
        """Start the process. Its sandbox unmounts all visible mounts, so it gets a separate mount
        namespace, to protect ours. The parent exits immediately, to leave no zombie."""
        self._socket.unlink(missing_ok=True)
        ours, theirs = os.pipe()
        command = [
            *("setsid", "--fork", "unshare", "--mount", "--propagation", "private", PROGRAM),
            *("--netns-type=path", "--configure", f"--mtu={MTU}", f"--cidr={CIDR}"),
            *("--enable-sandbox", "--enable-seccomp"),
            *("--api-socket", self._socket.name, f"--ready-fd={theirs}", self._path, UPLINK),
        ]
        with contextlib.closing(os.fdopen(ours, "rb", buffering=0)) as ready:
            try:
                self._launch(command, theirs)
            finally:
                os.close(theirs)
            heard = select.select([ready], [], [], START_S)[0] and ready.read(1)
        self._process = self._find() if heard else None
        if self._process is None:
            raise DriverUnavailable(f"{PROGRAM} did not start: {self._last_words()}")

    def _launch(self, command: list[str], ready: int) -> None:
        self._log.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            subprocess.run(
                command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[ready],
                check=True,
            )

    def _trim_log(self) -> None:
        """Truncate the log of our requests. It is opened for append, so this is safe."""
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES_MAX:
            os.truncate(self._log, 0)

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def forwards(self) -> dict[Forward, int]:
        """List the forwards, with their ids."""
        return {
            Forward(
                Door(one["host_addr"], one["proto"], one["host_port"]),
                one["guest_addr"],
                one["guest_port"],
            ): one["id"]
            for one in self._ask("list_hostfwd")["entries"]
        }

    def match_forwards(self, wanted: Iterable[Forward]) -> dict[Forward, str]:
        """Apply the forwards. Existing connections continue. Returns those that failed, with the
        reason: one occupied port does not block the others."""
        self._trim_log()
        present, wishes = self.forwards(), set(wanted)
        for forward in present.keys() - wishes:
            self._ask("remove_hostfwd", id=present[forward])
        refused: dict[Forward, str] = {}
        for forward in sorted(wishes - present.keys(), key=lambda one: one.outer):
            try:
                self._add(forward)
            except DriverUnavailable as error:
                refused[forward] = error.message
        return refused

    def _add(self, forward: Forward) -> None:
        self._ask(
            "add_hostfwd",
            proto=str(forward.outer.protocol),
            host_addr=forward.outer.address,
            host_port=forward.outer.port,
            guest_addr=forward.private_ip,
            guest_port=forward.port,
        )

    def _ask(self, execute: str, **arguments: Any) -> Any:
        """Send one request: the protocol allows one per connection."""
        question = json.dumps({"execute": execute, "arguments": arguments}).encode()
        try:
            with self._connected() as connection:
                connection.sendall(question)
                connection.shutdown(socket.SHUT_WR)
                with connection.makefile("rb") as file:
                    answer = json.loads(file.read(ANSWER_BYTES_MAX))
        except (OSError, ValueError) as error:
            raise DriverUnavailable(f"{PROGRAM} does not answer: {error}") from error
        if "error" in answer:
            where = f" of {arguments['host_addr']}:{arguments['host_port']}" if arguments else ""
            raise DriverUnavailable(f"{PROGRAM} refused {execute}{where}: {answer['error']}")
        return answer.get("return", answer)

    def _connected(self) -> socket.socket:
        """Connect by the descriptor of the folder, because socket paths have at most 108 bytes."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(ANSWER_S)
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            connection.connect(f"/proc/self/fd/{folder}/{self._socket.name}")
        except BaseException:
            connection.close()
            raise
        finally:
            os.close(folder)
        return connection

    def stop(self) -> None:
        process = self._process or self._find()
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                end(process)
        self._process = None
        for path in (self._socket, self._log):
            path.unlink(missing_ok=True)

    @property
    def _path(self) -> str:
        return str(namespaces.DIRECTORY / self._namespace)

    @property
    def _socket(self) -> Path:
        return self._folder / f"{self._namespace}.sock"

    @property
    def _log(self) -> Path:
        return self._folder / f"{self._namespace}.log"


def end(process: psutil.Process) -> None:
    """Wait until the process has ended; its parent may reap it later."""
    descriptor = os.pidfd_open(process.pid)
    try:
        process.kill()
        select.select([descriptor], [], [], END_S)
    finally:
        os.close(descriptor)
