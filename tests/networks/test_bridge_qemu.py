"""A real guest in the network `bridge`, changed by its driver while it runs."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from atoll.messages import GuestSpec
from atoll.networks.bridge import BridgeNetwork
from atoll.system import SystemClock
from tests.contract.drivers import QemuBench, new_nic, qemu_bench, ssh
from tests.networks.city import ANY_WAY_OUT
from tests.networks.fake_guests import caller_of
from tests.networks.specs import tcp

pytestmark = [pytest.mark.anyio, pytest.mark.qemu]
NIC = replace(new_nic(), network="vpc-1", rules=(tcp(22), ANY_WAY_OUT))
FURTHER = replace(
    NIC, mac="52:54:00:11:22:33", network="vpc-2", private_ip="10.9.0.9",
    subnet_cidr="10.9.0.0/24", public_ip=None,
)  # fmt: skip


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[QemuBench]:
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("QEMU is not installed: apt-get install qemu-system-x86 qemu-utils")
    network = BridgeNetwork(tmp_path / "networks", SystemClock())
    built = await qemu_bench(tmp_path, network=network)
    yield built
    await built.end()


async def address_of(bench: QemuBench, guest: GuestSpec) -> str:
    facts = await bench.driver.inspect(guest.id)
    assert facts is not None
    return facts.ports["tcp/22"]


async def test_a_running_guest_gets_nics_rules_and_addresses(bench: QemuBench) -> None:
    await bench.driver.ensure_image(bench.image)
    guest = await bench.new_guest(nic=NIC)
    await bench.start_until_ready(guest)
    assert await address_of(bench, guest) == f"{NIC.public_ip}:22"

    guest = await bench.configure(guest, nics=(FURTHER,))
    found = await bench.run_inside(guest, f"grep -l {FURTHER.mac} /sys/class/net/*/address")
    name = found.split("/")[4]
    setup = f"ip addr add 10.9.0.9/24 dev {name}; ip link set {name} up; ping -c 3 -W 2 10.9.0.2"
    assert " 0% packet loss" in await bench.run_inside(guest, setup)

    metrics = await bench.driver.measure(guest.id)
    assert metrics is not None
    assert {one.mac for one in metrics.nics} == {NIC.mac, FURTHER.mac}
    assert all(one.sent_bytes and one.received_bytes for one in metrics.nics)

    floating = "127.150." + ".".join(str(NIC.public_ip).split(".")[2:])
    floated = replace(NIC, rules=(tcp(22), tcp(2222), ANY_WAY_OUT), floating_ips=(floating,))
    guest = await bench.configure(guest, nic=floated, nics=())
    assert await asyncio.to_thread(ssh, bench.key, f"{floating}:22", "hostname") == "web-1"
    assert FURTHER.mac not in await bench.run_inside(guest, "cat /sys/class/net/*/address")
    facts = await bench.driver.inspect(guest.id)
    assert facts is not None
    opened = {"tcp/22", "tcp/2222"}
    assert set(facts.ports) == opened | {f"{port}@{floating}" for port in opened}

    await bench.reopen()
    assert await bench.run_inside(guest, "hostname") == "web-1"
    closed = replace(floated, rules=(tcp(2222), ANY_WAY_OUT))
    await bench.configure(guest, nic=closed)
    with pytest.raises(ConnectionRefusedError):
        caller_of(f"{floating}:22")
