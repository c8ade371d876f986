"""This machine as a host, with QEMU."""

import asyncio
import os
import socket
import sys
from pkgutil import resolve_name

from atoll.drivers.images.assemble import ImageSettings, make_image_store
from atoll.drivers.qemu import kvm_probe
from atoll.drivers.qemu.capacity import CapacitySettings
from atoll.drivers.qemu.driver import QemuDriver
from atoll.drivers.qemu.pci_devices import require_ready
from atoll.networks.user import UserNetwork
from atoll.ports import Clock, Driver, Network
from atoll.settings import Settings


async def build(settings: Settings, clock: Clock, faults: None) -> dict[str, Driver]:
    """Guests run as another user than root if Atoll runs as root."""
    guest_uid = settings.guest_uid if os.geteuid() == 0 else None
    verdict = await kvm_probe.probe(settings.state, guest_uid)
    devices = settings.devices_of(socket.gethostname())
    await asyncio.to_thread(require_ready, devices, guest_uid)
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
            disk_reserve_mib=settings.disk_reserve_mib,
            recipe_environment=settings.proxies,
        )
    )
    await images.open()
    driver = QemuDriver(
        settings.state,
        images,
        network_of(settings, clock),
        clock,
        guest_uid=guest_uid,
        starts_at_once=settings.starts_at_once,
        accelerator=verdict,
        capacity_settings=CapacitySettings(
            devices=devices,
            disk_overcommit=settings.disk_overcommit,
            disk_reserve_mib=settings.disk_reserve_mib,
        ),
    )
    return {socket.gethostname(): driver}


def network_of(settings: Settings, clock: Clock) -> Network:
    """The network `bridge` is imported only if it is selected."""
    if settings.network == "user":
        return UserNetwork()
    network: Network = resolve_name("atoll.networks.bridge:BridgeNetwork")(
        settings.state / "networks", clock
    )
    return network
