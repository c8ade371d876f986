"""Part of the composition root: the hosts of this process, each with its driver."""

import os
import socket
import sys

from atoll.domain.hosts import Capacity
from atoll.drivers import accelerator
from atoll.drivers.faults import FaultPlan
from atoll.drivers.images.assemble import ImageSettings, make_image_store
from atoll.drivers.qemu import QemuDriver
from atoll.drivers.simulator import SimulatorDriver, Times
from atoll.networks.user import UserNetwork
from atoll.ports import Clock, Driver
from atoll.settings import Settings

SIMULATED = Capacity(vcpus=1 << 20, memory_mib=1 << 32, disk_gib=1 << 32)


async def build(settings: Settings, clock: Clock, faults: FaultPlan | None) -> dict[str, Driver]:
    """Hosts by name: one for this machine, or as many simulated ones as were asked for."""
    if faults is not None:
        return simulated(settings, faults)
    return {socket.gethostname(): await this_machine(settings, clock)}


def simulated(settings: Settings, faults: FaultPlan) -> dict[str, Driver]:
    directory = settings.state / "simulator"
    directory.mkdir(exist_ok=True)
    names = [f"sim-{number}" for number in range(1, settings.simulator_hosts + 1)]
    times = Times(boot_s=settings.simulator_boot_s)
    return {
        name: SimulatorDriver(
            name, faults, capacity=SIMULATED, times=times, journal=directory / f"{name}.jsonl"
        )
        for name in names
    }


async def this_machine(settings: Settings, clock: Clock) -> Driver:
    """Guests run as another user than root where we are root."""
    guest_uid = settings.guest_uid if os.geteuid() == 0 else None
    verdict = await accelerator.probe(settings.state, guest_uid)
    imports = settings.state / "imports"
    imports.mkdir(exist_ok=True)
    images = make_image_store(
        ImageSettings(
            root=settings.state / "images",
            cache_dir=settings.image_cache,
            recipes_dir=settings.recipes,
            python=sys.executable,
            file_dirs=(imports, *settings.import_dirs),
            allow_private=settings.allow_private_urls,
            uid=guest_uid,
            recipe_environment=settings.proxies,
        )
    )
    await images.open()
    return QemuDriver(
        settings.state,
        images,
        UserNetwork(),
        clock,
        guest_uid=guest_uid,
        starts_at_once=settings.starts_at_once,
        accelerator=verdict,
    )
