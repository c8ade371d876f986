"""Network namespaces of Linux, by name, as `ip netns` shows them.

The network `bridge` builds in these and never in the namespace of the machine. Work inside of a
namespace runs on a separate thread that ends afterwards: the rest of the process stays outside.
"""

import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from pyroute2 import netns

from atoll.domain.errors import DriverUnavailable

T = TypeVar("T")
DIRECTORY = Path("/run/netns")
COMMAND_S = 30.0


def exists(name: str) -> bool:
    """Whether a namespace exists: a crash may leave a file that is not a namespace yet."""
    return os.path.ismount(DIRECTORY / name)


def names(prefix: str) -> list[str]:
    return sorted(name for name in netns.listnetns() if name.startswith(prefix))


def ensure(name: str) -> None:
    if not exists(name):
        remove(name)
        run(["ip", "netns", "add", name])


def remove(name: str) -> None:
    """Remove the name. The namespace itself ends with its last process."""
    if (DIRECTORY / name).exists():
        run(["ip", "netns", "delete", name])


def inside(name: str, call: Callable[[], T]) -> T:
    """Run `call` inside of the namespace and return its result. Sockets and processes that it
    creates stay there."""

    def enter_and_call() -> T:
        netns.setns(name, flags=0)
        return call()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=name) as thread:
        return thread.submit(enter_and_call).result()


def run(command: Sequence[str], text: str = "") -> str:
    """Run a command and return its output. Raises DriverUnavailable with its error output."""
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, timeout=COMMAND_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DriverUnavailable(f"{command[0]} did not run: {error}") from error
    if done.returncode != 0:
        complaint = (done.stderr or done.stdout).strip()
        raise DriverUnavailable(f"{' '.join(command)}: {complaint}")
    return done.stdout
