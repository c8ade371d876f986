"""Records of the network `bridge` on disk: its identity, and each requested port.

The record of a port is written before anything is built for it and deleted last, so that nothing
exists without a record. Records contain user data and are readable by this user only.
"""

import os
import secrets
from pathlib import Path
from typing import TypeVar

import msgspec

from atoll.domain.errors import DriverUnavailable
from atoll.messages import GuestSpec, NicSpec
from atoll.networks.bridge_links import tap_name
from atoll.networks.bridge_rules import Member
from atoll.networks.public_ports import Door
from atoll.networks.uplink import Forward

IDENTITY_FILE = "identity.json"
T = TypeVar("T")
NAME_BYTES = 3
SECRET_BYTES = 32


class Identity(msgspec.Struct, frozen=True):
    """`name` distinguishes the namespaces of this installation from others on this machine;
    `secret` signs metadata tokens."""

    name: str
    secret: bytes


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """A NIC of a guest as last requested, and the addresses of its open ports."""

    guest: GuestSpec
    nic: NicSpec
    namespace: str
    outer_ports: tuple[tuple[Door, int], ...] = ()

    @property
    def tap(self) -> str:
        return tap_name(self.guest.id, self.nic.mac)

    @property
    def member(self) -> Member:
        return Member(self.tap, self.nic)

    @property
    def forwards(self) -> set[Forward]:
        return {
            Forward(Door(door.address, door.protocol, outer), self.nic.private_ip, door.port)
            for door, outer in self.outer_ports
        }


class Records:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def identity(self) -> Identity:
        """Read the identity, or create it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / IDENTITY_FILE
        if not path.exists():
            name = secrets.token_hex(NAME_BYTES)
            self._write(
                path, msgspec.json.encode(Identity(name, secrets.token_bytes(SECRET_BYTES)))
            )
        return self._read(path, Identity)

    def load(self) -> dict[str, Port]:
        """Read all ports, by tap."""
        paths = self.folder.glob("port-*.json")
        return {port.tap: port for port in (self._read(path, Port) for path in sorted(paths))}

    def save(self, port: Port) -> None:
        self._write(self._path(port.tap), msgspec.json.encode(port))

    def remove(self, tap: str) -> None:
        self._path(tap).unlink(missing_ok=True)

    def _path(self, tap: str) -> Path:
        return self.folder / f"port-{tap}.json"

    def _read(self, path: Path, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except msgspec.DecodeError as error:
            raise DriverUnavailable(
                f"{path} cannot be read: {error}; restore it from a backup, or remove it and "
                "start its guest again"
            ) from error

    def _write(self, path: Path, content: bytes) -> None:
        """Write atomically and durably."""
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        with new.open("r+b") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
