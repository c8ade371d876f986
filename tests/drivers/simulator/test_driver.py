"""The simulator beyond the contract: many guests, a world that outlives its process."""

from pathlib import Path

import pytest

from atoll.domain.accelerators import Device
from atoll.domain.errors import DriverRefused
from atoll.domain.hosts import Capacity
from atoll.drivers.simulator.driver import SimulatorDriver
from atoll.drivers.simulator.faults import FaultPlan
from atoll.messages import GuestFacts, GuestSpec, NicSpec, Power, SeedSpec, VolumeSpec
from atoll.system import SystemClock

pytestmark = pytest.mark.anyio
MANY = 100_000
CAPACITY = Capacity(vcpus=1 << 20, memory_mib=1 << 32, disk_gib=1 << 32)
NIC = NicSpec(mac="52:54:00:00:00:01", private_ip="10.0.0.4", subnet_cidr="10.0.0.0/8")


def simulator(journal: Path | None = None) -> SimulatorDriver:
    return SimulatorDriver("sim-1", FaultPlan(SystemClock()), capacity=CAPACITY, journal=journal)


def ignore(facts: GuestFacts) -> None:
    """Nobody listens."""


async def start(driver: SimulatorDriver, number: int, devices: tuple[Device, ...] = ()) -> None:
    await driver.ensure_volume(VolumeSpec(id=f"vol-{number}", size_gib=1))
    await driver.ensure_running(
        GuestSpec(
            id=f"inst-{number}",
            name="web",
            vcpus=1,
            memory_mib=64,
            root_volume_id=f"vol-{number}",
            image_id="img-1",
            nic=NIC,
            devices=devices,
            seed=SeedSpec(hostname="web"),
        )
    )


async def test_a_hundred_thousand_guests_run_in_one_process() -> None:
    driver = simulator()
    await driver.open(ignore)
    for number in range(MANY):
        await start(driver, number)
    guests = await driver.list()
    assert len(guests) == MANY
    assert {guest.power for guest in guests} == {Power.RUNNING}
    await driver.close()


async def test_its_world_outlives_the_process_that_was_killed(tmp_path: Path) -> None:
    journal = tmp_path / "sim-1.jsonl"
    killed = simulator(journal)
    await killed.open(ignore)
    for number in range(3):
        await start(killed, number)
    await killed.remove("inst-0")
    await killed.remove_volume("vol-0")
    # Killed within a line: that change was not answered, so it did not happen.
    journal.write_bytes(journal.read_bytes() + b'{"gone_guest":"inst-1')
    again = simulator(journal)
    await again.open(ignore)
    assert sorted(guest.id for guest in await again.list()) == ["inst-1", "inst-2"]
    assert sorted(await again.volumes()) == ["vol-1", "vol-2"]
    await again.close()
    await killed.close()


async def test_a_device_is_one_running_guests_alone() -> None:
    card = Device(kind="nvidia-rtx-3090", address="0000:65:00.0")
    capacity = Capacity(vcpus=8, memory_mib=8192, disk_gib=100, devices=(card,))
    driver = SimulatorDriver("sim-1", FaultPlan(SystemClock()), capacity=capacity)
    await driver.open(ignore)
    assert (await driver.capacity()).devices == (card,)
    await start(driver, 1, (card,))
    await start(driver, 1, (card,))
    with pytest.raises(DriverRefused, match="in use by inst-1"):
        await start(driver, 2, (card,))
    await driver.ensure_stopped("inst-1", force=True)
    await start(driver, 2, (card,))
    assert driver.spec_of("inst-2").devices == (card,)
    await driver.close()
