"""Simulated hosts, with one plan of faults."""

import hashlib

import msgspec

from atoll.domain.hosts import Capacity
from atoll.drivers.simulator.driver import SimulatorDriver, Times
from atoll.drivers.simulator.faults import FaultPlan
from atoll.ports import Clock, Driver
from atoll.settings import Settings

CAPACITY = Capacity(vcpus=1 << 20, memory_mib=1 << 32, disk_gib=1 << 32)


async def build(settings: Settings, clock: Clock, faults: FaultPlan) -> dict[str, Driver]:
    """Their state is stored in journals in the state directory and outlives the process."""
    directory = settings.state / "simulator"
    directory.mkdir(exist_ok=True)
    names = {f"sim-{n}": f"sim-{n}{mark(settings)}" for n in range(1, settings.simulator_hosts + 1)}
    times = Times(boot_s=settings.simulator_boot_s)
    return {
        name: SimulatorDriver(
            name,
            faults,
            capacity=msgspec.structs.replace(CAPACITY, devices=settings.devices_of(plain)),
            times=times,
            journal=directory / f"{name}.jsonl",
        )
        for plain, name in names.items()
    }


def mark(settings: Settings) -> str:
    """Hosts of servers that share a database need distinct names."""
    if settings.database is None:
        return ""
    return "-" + hashlib.blake2b(str(settings.state).encode(), digest_size=3).hexdigest()
