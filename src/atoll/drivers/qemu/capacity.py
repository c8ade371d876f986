"""The capacity of this machine for guests. Called by `driver` with every heartbeat."""

import asyncio
import os

import msgspec
import psutil

from atoll.domain.accelerators import Device
from atoll.domain.hosts import Capacity
from atoll.drivers.disk_room import DiskRoom
from atoll.drivers.qemu.layers import GIB, Layers

MEMORY_SHARE = 0.9
MIB = 1024 * 1024


class CapacitySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Overcommit factors of CPUs and disk. Memory and devices are not overcommitted."""

    vcpu_overcommit: int = 16
    disk_overcommit: float = 2.0
    disk_reserve_mib: int = 0
    devices: tuple[Device, ...] = ()


async def capacity_of(settings: CapacitySettings, room: DiskRoom, layers: Layers) -> Capacity:
    """Disks are promised out of what they have already taken and what is free, without the
    reserve."""
    taken_bytes = await asyncio.to_thread(layers.all_allocated_bytes)
    spare_bytes = await asyncio.to_thread(room.spare_bytes)
    promised_bytes = max(0, spare_bytes + taken_bytes) * settings.disk_overcommit
    return Capacity(
        vcpus=(os.cpu_count() or 1) * settings.vcpu_overcommit,
        memory_mib=int(psutil.virtual_memory().total * MEMORY_SHARE) // MIB,
        disk_gib=int(promised_bytes) // GIB,
        devices=settings.devices,
        spare_disk_mib=spare_bytes // MIB,
    )
