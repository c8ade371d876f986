"""The state directory: its lock, and the small files that a server stores in it.

A mistake of the operator (a damaged file, a wrong owner) is a RuntimeError that says what to do.
"""

import fcntl
import json
import os
import pwd
import secrets
from pathlib import Path

import msgspec
import structlog

log = structlog.get_logger()
LOCK = "lock"
DIGEST_KEY_FILE = "server.secret"
ADMIN_KEY = "admin.key"
HOSTS = "hosts.json"
TOKENS = "tokens"
SECRET_BYTES = 32
OTHERS = 0o077
# What other users of the machine must not read: the directory lets them through to their files.
PRIVATE = (DIGEST_KEY_FILE, ADMIN_KEY, HOSTS, "atoll.db", "atoll.db-wal", "atoll.db-shm")


class StateDir:
    """Used by one server at a time: the lock ends with the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None
        self._made: list[Path] = []

    def open(self) -> None:
        """Raises RuntimeError if another server uses it, or if it cannot be used at all."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # Guests run as another user and need to reach their disks; they cannot list anything.
            self.path.chmod(0o711)
        except OSError as error:
            raise unusable(self.path, error) from error
        if not self.lock():
            raise RuntimeError(
                f"another atoll runs on {self.path}: stop it, or name another --state"
            )
        for name in PRIVATE:
            make_private(self.path / name)

    def lock(self) -> bool:
        """Return False if another process has the lock."""
        try:
            self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unusable(self.path, error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            return False
        return True

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def secret(self) -> bytes:
        """Return the server's secret, and make one if there is none."""
        path = self.path / DIGEST_KEY_FILE
        text = read_own(path)
        if text is None:
            text = secrets.token_hex(SECRET_BYTES)
            self._make(path, text)
        try:
            secret = bytes.fromhex(text.strip())
        except ValueError:
            secret = b""
        if len(secret) != SECRET_BYTES:
            raise RuntimeError(f"{path} is damaged: copy it back from a backup")
        return secret

    def admin_key(self) -> str | None:
        path = self.path / ADMIN_KEY
        text = read_own(path)
        if text is not None and not text.strip():
            raise RuntimeError(
                f"{path} is empty: copy it back from a backup, or delete it and run "
                "`atoll admin-key --recover`"
            )
        return None if text is None else text.strip()

    def admin_key_or_none(self) -> str | None:
        """Return None also if the file is empty."""
        return (read_own(self.path / ADMIN_KEY) or "").strip() or None

    def make_admin_key(self, text: str) -> None:
        self._make(self.path / ADMIN_KEY, text + "\n")

    def replace_admin_key(self, text: str) -> None:
        """Owned by the owner of the directory, if root does it."""
        write_private(self.path / ADMIN_KEY, text + "\n")
        if os.geteuid() == 0:
            owner = self.path.stat()
            os.chown(self.path / ADMIN_KEY, owner.st_uid, owner.st_gid)

    @property
    def has_secret(self) -> bool:
        return (self.path / DIGEST_KEY_FILE).exists()

    @property
    def made_secret(self) -> bool:
        """Tell whether there was no secret before this process."""
        return self.path / DIGEST_KEY_FILE in self._made

    def forget_made(self) -> None:
        """Delete the secrets that this process made: they turned out to be of no use."""
        for path in self._made:
            path.unlink(missing_ok=True)
        self._made.clear()

    def _make(self, path: Path, text: str) -> None:
        write_private(path, text)
        self._made.append(path)

    def host_ids(self) -> dict[str, str]:
        """The ids of the hosts whose agents ran here before, by name."""
        path = self.path / HOSTS
        text = read_own(path)
        if text is None:
            return {}
        try:
            return msgspec.json.decode(text, type=dict[str, str])
        except msgspec.DecodeError as error:
            raise RuntimeError(f"{path} is damaged: copy it back from a backup") from error

    def keep_host_ids(self, ids: dict[str, str]) -> None:
        write_private(self.path / HOSTS, json.dumps(ids, indent=1))

    def tokens_of(self, host_id: str) -> Path:
        """Return the file in which a host's agent stores the tokens of resources."""
        folder = self.path / TOKENS
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder / f"{host_id}.jsonl"


def unusable(path: Path, error: OSError) -> RuntimeError:
    return RuntimeError(
        f"cannot use the state directory {path}: {error.strerror}; name another --state"
    )


def read_own(path: Path) -> str | None:
    """Return None if there is no such file."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise RuntimeError(f"{path} is damaged: copy it back from a backup") from error
    except OSError as error:
        raise not_ours(path, error) from error


def make_private(path: Path) -> None:
    """Take the rights of other users away, which a copy or a restored backup may have given."""
    try:
        mode = path.stat().st_mode
        if mode & OTHERS:
            path.chmod(mode & 0o700)
            log.warning("other users of this machine could read a file until now", file=str(path))
    except FileNotFoundError:
        return
    except OSError as error:
        raise not_ours(path, error) from error
    if not os.access(path, os.R_OK | os.W_OK):
        raise not_ours(path, PermissionError(0, "permission denied"))


def not_ours(path: Path, error: OSError) -> RuntimeError:
    return RuntimeError(
        f"cannot use {path}: {error.strerror}; it must belong to the user that runs the server: "
        f"chown -R {user_name()} {path.parent}"
    )


def user_name() -> str:
    """Return the name of the user of this process, or its number."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def write_private(path: Path, text: str) -> None:
    """Write a file that only the owner can read, atomically."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
