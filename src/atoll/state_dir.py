"""The state directory: its lock, and the small files that a server stores in it."""

import fcntl
import json
import os
import secrets
from pathlib import Path

import msgspec

LOCK = "lock"
DIGEST_KEY_FILE = "server.secret"
ADMIN_KEY = "admin.key"
HOSTS = "hosts.json"
TOKENS = "tokens"
SECRET_BYTES = 32


class StateDir:
    """Used by one server at a time: the lock ends with the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def open(self) -> None:
        """Raises RuntimeError if another server uses it, or if it cannot be used at all."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # Guests run as another user and need to reach their disks; they cannot list anything.
            self.path.chmod(0o711)
            self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RuntimeError(
                f"cannot use the state directory {self.path}: {error.strerror}; "
                "name another --state"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RuntimeError(
                f"another atoll runs on {self.path}: stop it, or name another --state"
            ) from error

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def secret(self) -> bytes:
        path = self.path / DIGEST_KEY_FILE
        if not path.exists():
            write_private(path, secrets.token_hex(SECRET_BYTES))
        return bytes.fromhex(path.read_text().strip())

    def admin_key(self) -> str | None:
        path = self.path / ADMIN_KEY
        return path.read_text().strip() if path.exists() else None

    def keep_admin_key(self, text: str) -> None:
        write_private(self.path / ADMIN_KEY, text + "\n")

    def forget_admin_key(self) -> None:
        (self.path / ADMIN_KEY).unlink(missing_ok=True)

    def host_ids(self) -> dict[str, str]:
        """The ids of the hosts whose agents ran here before, by name."""
        path = self.path / HOSTS
        if not path.exists():
            return {}
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])

    def keep_host_ids(self, ids: dict[str, str]) -> None:
        write_private(self.path / HOSTS, json.dumps(ids, indent=1))

    def tokens_of(self, host_id: str) -> Path:
        """Return the file in which a host's agent stores the tokens of resources."""
        folder = self.path / TOKENS
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder / f"{host_id}.jsonl"


def write_private(path: Path, text: str) -> None:
    """Write a file that only the owner can read, atomically."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
