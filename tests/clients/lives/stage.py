"""Where a client lives: a server, a key, and how to look inside its guests."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LOOK_S = 0.2
PATIENCE_S = 180


@dataclass
class Stage:
    """`login` is the file of a private key where guests are real; elsewhere nothing is inside."""

    port: int
    key: str
    region: str
    os_id: int
    public_key: str
    login: str
    type: str

    @classmethod
    def read(cls) -> "Stage":
        return cls(**json.load(sys.stdin))

    def inside(self, address: str, command: str) -> str:
        """What a command says inside a guest."""
        if not self.login:
            return ""
        words = [
            "ssh", "-i", self.login, "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
            "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
            "-o", "ConnectTimeout=10", f"root@{address}", command,
        ]  # fmt: skip
        done = until(lambda: reached(words))
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout.strip()

    def device_of(self, mount_id: str) -> str:
        """A command for inside: `$device` is then the disk with that serial number, once it is
        there."""
        find = f"grep -lx {mount_id} /sys/block/*/serial"
        wait = f"for _ in 1 2 3 4 5 6 7 8 9; do {find} >/dev/null && break; sleep 1; done"
        return f"{wait}; device=/dev/$({find} | cut -d/ -f4)"


def reached(words: list[str]) -> Any:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return None if done.returncode == 255 else done


def until(look: Callable[[], Any]) -> Any:
    """What it answers, once that is something."""
    last = time.monotonic() + PATIENCE_S
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < last, f"not within {PATIENCE_S} s"
        time.sleep(LOOK_S)
