"""What a test sees from inside a guest, and of guests from outside."""

import os
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.e2e.servers import ServerProcess

LOGIN_S_MAX = 60


class Login:
    """An ssh key of the test's own."""

    def __init__(self, directory: Path) -> None:
        self.key = directory / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)

    @property
    def public_key(self) -> str:
        return self.key.with_suffix(".pub").read_text().strip()

    def run(self, instance: Any, command: str) -> str:
        """The output of a command inside the guest. The port is the one that the API tells."""
        words = ["ssh", "-i", self.key, *ssh_words(instance), command]
        until = time.monotonic() + LOGIN_S_MAX
        while True:
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode != 255:
                assert done.returncode == 0, done.stderr
                return done.stdout.strip()
            assert time.monotonic() < until, done.stderr

    def run_with_password(self, instance: Any, password: str, command: str) -> str:
        """The same, for who has no key. An empty output where the password is not let in."""
        asked = self.key.with_name("password")
        asked.write_text(f"#!/bin/sh\necho {password}\n")
        asked.chmod(0o700)
        words = ["ssh", "-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1",
                 *ssh_words(instance), command]  # fmt: skip
        told = {"SSH_ASKPASS": str(asked), "SSH_ASKPASS_REQUIRE": "force", "PATH": os.defpath}
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=told)
        return done.stdout.strip()


def ssh_words(instance: Any) -> list[str]:
    address, _, port = instance["status"]["ports"]["tcp/22"].rpartition(":")
    return ["-p", port, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10", f"root@{address}"]  # fmt: skip


def until_ready(server: ServerProcess, instance_id: str) -> Any:
    for _ in range(10):
        instance = server.get(f"/v1/instances/{instance_id}?wait=30&until=ready")
        if instance["status"]["ready"]:
            return instance
    raise AssertionError(f"not ready: {instance['status']}; {server.log()[-2000:]}")


def qemu_processes(state: Path) -> dict[str, list[int]]:
    """The processes of each guest of this server, found without asking it."""
    found: dict[str, list[int]] = {}
    guests = state / "guests"
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            directory = Path(os.readlink(entry / "cwd"))
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if directory.parent == guests and command.startswith(b"qemu-system"):
            found.setdefault(directory.name, []).append(int(entry.name))
    return found


def kill_guests(state: Path) -> None:
    """Ends what a test left running: guests outlive their server on purpose."""
    for processes in qemu_processes(state).values():
        for process in processes:
            os.kill(process, 9)
