"""Guests for the network `bridge` that boot in no time: each is a namespace with a tap of its own,
whose frames are carried to and from the tap that the network handed out, as QEMU would."""

import contextlib
import fcntl
import os
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from typing import TypeVar

from atoll.messages import NicSpec
from atoll.networks import namespaces
from atoll.networks.bridge_links import IFF_NO_PI, IFF_TAP, IFF_VNET_HDR, TUN_DEVICE, TUNSETIFF

T = TypeVar("T")
FRAME_BYTES_MAX = 1 << 17
PATIENCE_S = 5.0
REFUSED_S = 0.7
SHOUT_PORT = 5353


class FakeGuest:
    """Plugged into `tap`; it lives in a namespace of that name."""

    def __init__(self, nic: NicSpec, tap: int, namespace: str) -> None:
        self.nic = nic
        self.namespace = namespace
        self._tap = tap
        self._servers: list[socket.socket] = []
        self._stop_r, self._stop_w = os.pipe()
        namespaces.ensure(namespace)
        self._own = self.inside(open_tap)
        self._cable = threading.Thread(target=self._carry, name=namespace)
        self._cable.start()
        self._configure()

    def _configure(self) -> None:
        subnet = IPv4Network(self.nic.subnet_cidr)
        self.ip("link", "set", "lo", "up")
        self.ip("link", "set", "eth0", "address", self.nic.mac, "up")
        self.ip("addr", "add", f"{self.nic.private_ip}/{subnet.prefixlen}", "dev", "eth0")
        self.ip("route", "add", "default", "via", str(subnet[2]))
        if self.nic.ipv6:
            self.ip("addr", "add", f"{self.nic.ipv6}/64", "dev", "eth0")

    def ip(self, *words: str) -> str:
        return subprocess.run(
            ["ip", "-n", self.namespace, *words], check=True, capture_output=True, text=True
        ).stdout

    def inside(self, call: Callable[[], T]) -> T:
        return namespaces.inside(self.namespace, call)

    def _carry(self) -> None:
        other = {self._tap: self._own, self._own: self._tap}
        while True:
            ready, _, _ = select.select([*other, self._stop_r], [], [])
            if self._stop_r in ready:
                return
            for end in ready:
                with contextlib.suppress(OSError):  # an end that is down
                    os.write(other[end], os.read(end, FRAME_BYTES_MAX))

    def serve(self, port: int, family: socket.AddressFamily = socket.AF_INET) -> None:
        """Says whom it was called by to everybody who connects, then repeats what it hears."""
        server = self.inside(lambda: socket.create_server(("", port), family=family))
        self._servers.append(server)
        threading.Thread(target=self._answer, args=(server,)).start()

    def _answer(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, caller = server.accept()
                threading.Thread(target=self._repeat, args=(connection, caller[0])).start()

    def _repeat(self, connection: socket.socket, caller: str) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(PATIENCE_S)
            connection.sendall(f"{self.nic.private_ip} called by {caller}\n".encode())
            while words := connection.recv(4096):
                connection.sendall(words)

    def connect(self, address: str, port: int, timeout_s: float = PATIENCE_S) -> socket.socket:
        return self.inside(lambda: socket.create_connection((address, port), timeout_s))

    def reaches(self, address: str, port: int) -> bool:
        """What is dropped is not answered: to say no takes a moment."""
        try:
            with self.connect(address, port, REFUSED_S) as connection:
                return bool(connection.recv(100))
        except OSError:
            return False

    def shout(self, address: str, words: bytes, times: int = 1, source: str = "") -> None:
        """By UDP, and without waiting for an answer."""
        sending = self.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        with sending:
            sending.bind((source, 0))
            for _ in range(times):
                sending.sendto(words, (address, SHOUT_PORT))

    def hearing(self) -> socket.socket:
        """Where shouts arrive."""
        server = self.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        server.bind(("", SHOUT_PORT))
        server.settimeout(0.5)
        return server

    def unplug(self) -> None:
        """As when QEMU ends."""
        for server in self._servers:
            server.shutdown(socket.SHUT_RDWR)
            server.close()
        os.write(self._stop_w, b"stop")
        self._cable.join()
        for descriptor in (self._stop_r, self._stop_w, self._tap, self._own):
            os.close(descriptor)
        namespaces.remove(self.namespace)


def open_tap() -> int:
    descriptor = os.open(TUN_DEVICE, os.O_RDWR | os.O_CLOEXEC)
    flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", b"eth0", flags))
    return descriptor


def caller_of(place: str, timeout_s: float = PATIENCE_S) -> str:
    """What a guest says to somebody on this host that connects to an address and port."""
    host, _, port = place.rpartition(":")
    with socket.create_connection((host, int(port)), timeout_s) as connection:
        return connection.recv(100).decode().strip()


def until(condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> bool:
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@contextlib.contextmanager
def many_fakes() -> Iterator[list[FakeGuest]]:
    fakes: list[FakeGuest] = []
    yield fakes
    for fake in fakes:
        fake.unplug()
