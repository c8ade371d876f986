"""A NIC whose tap somebody else opened, in a network namespace that QEMU is not in."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from atoll.messages import GuestSpec, NicSpec
from atoll.networks.user import UserNetwork
from atoll.ports import PortWiring
from tests.contract.drivers import QemuBench, new_nic, qemu_bench
from tests.drivers.qemu.test_live import see_inside

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.qemu,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a network namespace"),
    pytest.mark.skipif(not Path("/dev/net/tun").exists(), reason="needs /dev/net/tun"),
]

# Opens taps of a namespace of its own for whoever asks, and stays so that they stay.
OPENER = """
import fcntl, os, socket, struct, sys
asked = socket.socket(fileno=int(sys.argv[1]))
while name := asked.recv(16):
    tap = os.open("/dev/net/tun", os.O_RDWR)
    flags = 0x0002 | 0x1000 | 0x4000  # IFF_TAP, IFF_NO_PI, IFF_VNET_HDR
    fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", name, flags))
    socket.send_fds(asked, [b"x"], [tap])
    os.close(tap)
"""


class TapNetwork(UserNetwork):
    """The first NIC as ever, further ones on taps."""

    def __init__(self, opener: socket.socket) -> None:
        super().__init__()
        self._opener = opener
        self.given = 0

    async def ensure_port(self, guest: GuestSpec, nic: NicSpec, *, plug: bool) -> PortWiring:
        if nic.mac == guest.nic.mac:
            return await super().ensure_port(guest, nic, plug=plug)
        return PortWiring(
            netdev="tap,fd={fd},vhost=off", tap=self._open_tap() if plug else None, ports={}
        )

    def _open_tap(self) -> int:
        self.given += 1
        self._opener.send(f"tap{self.given}".encode())
        _, descriptors, _, _ = socket.recv_fds(self._opener, 1, 1)
        return descriptors[0]


@pytest.fixture
def opener() -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = ["unshare", "--net", sys.executable, "-c", OPENER, str(theirs.fileno())]
    with closing(ours), subprocess.Popen(command, pass_fds=[theirs.fileno()]):
        theirs.close()
        yield ours
        ours.close()


@pytest.fixture
async def bench(tmp_path: Path, opener: socket.socket) -> AsyncIterator[QemuBench]:
    built = await qemu_bench(tmp_path, network=TapNetwork(opener))
    yield built
    await built.end()


def open_files() -> list[str]:
    return sorted(os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.exists())


async def test_a_tap_is_handed_over_at_the_start_and_while_the_guest_runs(
    bench: QemuBench,
) -> None:
    first, second = (replace(new_nic(), private_ip=f"10.9{n}.0.5") for n in (1, 2))
    guest = await bench.new_guest(nics=(first,))
    await bench.start_until_ready(guest)
    before = open_files()
    guest = await bench.configure(guest, nics=(first, second))
    for nic in (first, second):
        await see_inside(bench, guest, f"grep -l {nic.mac} /sys/class/net/*/address")
    await see_inside(bench, guest, f"grep {first.private_ip} /proc/net/fib_trie")
    guest = await bench.configure(guest, nics=(second,))
    await bench.configure(guest, nics=(second, first))
    assert await asyncio.to_thread(open_files) == before, "QEMU alone has the taps"
    network = bench.network
    assert isinstance(network, TapNetwork)
    assert network.given == 3
