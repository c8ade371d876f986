"""What a running guest has used: processor, memory, disks. NICs are its network's to count.

Called by `driver.QemuDriver`.
"""

from collections.abc import Sequence

import psutil

from atoll.drivers.qemu.block_nodes import stats_by_device
from atoll.drivers.qemu.guest import Guest
from atoll.messages import DiskCounters, GuestMetrics, NicCounters


async def measure(guest: Guest, nics: Sequence[NicCounters]) -> GuestMetrics | None:
    """Measure the guest; None if its process has ended."""
    spec, pid = guest.record.spec, guest.record.pid
    if pid is None:
        return None
    stats = dict(stats_by_device(await guest.ask("query-blockstats")))
    volumes = (spec.root_volume_id, *guest.record.volumes)
    devices = {volume: guest.device_of(volume) for volume in volumes}
    try:
        process = psutil.Process(pid)
        times, memory = process.cpu_times(), process.memory_info()
    except psutil.NoSuchProcess:
        return None
    return GuestMetrics(
        id=spec.id,
        cpu_s=times.user + times.system,
        memory_bytes=memory.rss,
        disks=tuple(
            counters_of(volume, stats[device])
            for volume, device in devices.items()
            if device in stats
        ),
        nics=tuple(nics),
    )


def counters_of(volume_id: str, stats: dict[str, int]) -> DiskCounters:
    return DiskCounters(
        volume_id=volume_id,
        read_bytes=stats["rd_bytes"],
        written_bytes=stats["wr_bytes"],
        reads=stats["rd_operations"],
        writes=stats["wr_operations"],
    )
