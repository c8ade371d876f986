"""Part of the composition root: the hosts of this process, each with its driver."""

import os
import socket
import sys

from atoll.domain.hosts import Capacity
from atoll.drivers import accelerator
from atoll.drivers.faults import FaultPlan
from atoll.drivers.images.build import Recipes
from atoll.drivers.images.cache import RecipeCache
from atoll.drivers.images.convert import Converter, ConvertLimits
from atoll.drivers.images.fetch import Fetcher, FetchLimits
from atoll.drivers.images.local_files import LocalFiles
from atoll.drivers.images.sources import Sources
from atoll.drivers.images.store import ImageStore
from atoll.drivers.qemu import QemuDriver
from atoll.drivers.simulator import SimulatorDriver, Times
from atoll.networks.user import UserNetwork
from atoll.ports import Clock, Driver
from atoll.settings import Settings

IMAGE_BYTES_MAX = 64 << 30
IMAGE_VIRTUAL_BYTES_MAX = 2 << 40
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
    images = ImageStore(settings.state / "images", sources_of(settings, guest_uid))
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


def sources_of(settings: Settings, guest_uid: int | None) -> Sources:
    recipes = Recipes(settings.recipes, python=sys.executable, environment=proxies())
    imports = [settings.state / "imports", *settings.import_dirs]
    (settings.state / "imports").mkdir(exist_ok=True)
    return Sources(
        cache=RecipeCache(settings.image_cache, recipes),
        fetcher=Fetcher(
            FetchLimits(bytes_max=IMAGE_BYTES_MAX), allow_private=settings.allow_private_urls
        ),
        files=LocalFiles(imports, IMAGE_BYTES_MAX),
        converter=Converter(ConvertLimits(), uid=guest_uid),
        virtual_size_max_bytes=IMAGE_VIRTUAL_BYTES_MAX,
    )


def proxies() -> dict[str, str]:
    """What apt needs to reach its servers from here."""
    names = ("http_proxy", "https_proxy", "no_proxy", "HOME")
    return {name: os.environ[name] for name in names if name in os.environ}
