"""The capacity of this machine for guests. Called by `driver` with every heartbeat."""

import asyncio
import os
import shutil
from pathlib import Path

import msgspec
import psutil

from atoll.domain.accelerators import Device
from atoll.domain.hosts import Capacity
from atoll.drivers.qemu.layers import GIB, Layers

MEMORY_SHARE = 0.9
MIB = 1024 * 1024


class CapacitySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Overcommit factors of CPUs and disk. Memory and devices are not overcommitted."""

    vcpu_overcommit: int = 16
    disk_overcommit: int = 10
    devices: tuple[Device, ...] = ()


async def capacity_of(settings: CapacitySettings, state_dir: Path, layers: Layers) -> Capacity:
    taken_bytes = await asyncio.to_thread(layers.all_allocated_bytes)
    free_bytes = (await asyncio.to_thread(shutil.disk_usage, state_dir)).free
    return Capacity(
        vcpus=(os.cpu_count() or 1) * settings.vcpu_overcommit,
        memory_mib=int(psutil.virtual_memory().total * MEMORY_SHARE) // MIB,
        disk_gib=(free_bytes + taken_bytes) * settings.disk_overcommit // GIB,
        devices=settings.devices,
    )
