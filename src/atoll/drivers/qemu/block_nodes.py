"""Queries and changes the disks of a running guest, by its monitor.

Called by `guest`, `volumes`, `hotplug`, `merge` and `metrics`. It does
not know records: it only runs commands and returns what QEMU reports.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Any, TypeVar, cast

import msgspec

from atoll.domain.errors import DriverUnavailable
from atoll.drivers.qemu.devices import (
    ROOT,
    SLOTS,
    Disk,
    blockdev,
    layer_of,
    node_name,
    overlay,
    slot_of,
    volume_device,
)
from atoll.drivers.qemu.monitor import Monitor, MonitorRefused
from atoll.ports import Clock

JOB_POLL_S = 0.1
CANCEL_POLLS_MAX = 50

A = TypeVar("A")
B = TypeVar("B")


class PluggedDisk(msgspec.Struct, frozen=True, kw_only=True):
    """A disk of the guest, which writes to `layer`."""

    slot: str
    layer: str
    size_bytes: int

    @property
    def node(self) -> str:
        return node_name(self.slot, self.layer)


async def plugged_disks(monitor: Monitor) -> dict[str, PluggedDisk]:
    """List the disks by device: `ROOT`, and the other volumes by id, in the order of slots."""
    found: dict[str, PluggedDisk] = {}
    for entry in await monitor.execute("query-block"):
        inserted = entry.get("inserted")
        slot = slot_of(inserted["node-name"]) if inserted else ""
        if slot in {ROOT, *SLOTS}:
            found[device_in(entry["qdev"])] = PluggedDisk(
                slot=slot,
                layer=layer_of(inserted["node-name"]),
                size_bytes=inserted["image"]["virtual-size"],
            )
    return found


def device_in(qom_path: str) -> str:
    """Extract the device: `root` of `/machine/peripheral/root/virtio-backend`."""
    return qom_path.removeprefix("/machine/peripheral/").partition("/")[0]


async def devices_in_slots(monitor: Monitor) -> dict[str, str | None]:
    """List the device in each slot."""
    buses = await monitor.execute("query-pci")
    found: dict[str, str | None] = {}
    for port in (device for bus in buses for device in bus["devices"]):
        if port["qdev_id"] in SLOTS:
            below = port["pci_bridge"].get("devices", [])
            found[port["qdev_id"]] = below[0]["qdev_id"] if below else None
    return {slot: found[slot] for slot in SLOTS if slot in found}


async def plug_volume(monitor: Monitor, disk: Disk) -> None:
    await drop_nodes(monitor, disk.slot)
    await monitor.execute("blockdev-add", **blockdev(disk))
    try:
        await monitor.execute("device_add", **volume_device(disk))
    except MonitorRefused:
        await drop_nodes(monitor, disk.slot)
        raise


async def put_on_top(monitor: Monitor, disk: PluggedDisk, layer: str, path: str) -> None:
    """Switch the guest to a new layer; the one below is frozen. QEMU runs both commands in order,
    and rejects the second if the first failed."""
    new = overlay(disk.slot, layer, path)
    await both(
        monitor.execute("blockdev-add", **new),
        monitor.execute("blockdev-snapshot", node=disk.node, overlay=new["node-name"]),
    )


async def both(first: Awaitable[A], second: Awaitable[B]) -> tuple[A, B]:
    """Run both concurrently, in this order. If one fails, wait for the other, then raise."""
    done = await asyncio.gather(first, second, return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException):
            raise one
    return cast(tuple[A, B], done)


async def drop_node(monitor: Monitor, slot: str, layer: str) -> None:
    """Delete a block node. QEMU rejects this while the node is in use, which is fine."""
    await monitor.try_to("blockdev-del", **{"node-name": node_name(slot, layer)})


async def drop_nodes(monitor: Monitor, slot: str) -> None:
    """Delete all nodes of a slot without a device, each once nothing depends on it."""
    left = await nodes_in(monitor, slot)
    while left:
        for node in left:
            await monitor.try_to("blockdev-del", **{"node-name": node})
        before, left = left, await nodes_in(monitor, slot)
        if len(left) == len(before):
            raise DriverUnavailable(f"QEMU does not release {', '.join(left)}")


async def nodes_in(monitor: Monitor, slot: str) -> list[str]:
    nodes = await monitor.execute("query-named-block-nodes", flat=True)
    return [node["node-name"] for node in nodes if slot_of(node["node-name"]) == slot]


async def grow(monitor: Monitor, disk: PluggedDisk, size_bytes: int) -> None:
    await monitor.execute("block_resize", **{"node-name": disk.node, "size": size_bytes})


def stats_by_device(answer: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, int]]]:
    """Return the results of `query-blockstats` by device."""
    for entry in answer:
        if entry.get("qdev"):
            yield device_in(entry["qdev"]), entry["stats"]


async def finish_job(monitor: Monitor, clock: Clock, job: str, timeout_s: float) -> bool:
    """Wait for a job; return whether it ended in time. Partial work is kept. The caller holds
    `nodes_change`."""
    for _ in range(int(timeout_s / JOB_POLL_S)):
        state = await job_state(monitor, job)
        if state["status"] == "concluded":
            await monitor.execute("job-dismiss", id=job)
            if "error" in state:
                raise DriverUnavailable(f"QEMU aborted {job}: {state['error']}")
            return True
        if state["status"] == "gone":
            return False
        await clock.sleep(JOB_POLL_S)
    await forget_job(monitor, clock, job)
    return False


async def forget_job(monitor: Monitor, clock: Clock, job: str) -> None:
    """Cancel a running job of ours, and dismiss it once it has ended: until then, QEMU may still
    remove its nodes."""
    await monitor.try_to("job-cancel", id=job)
    for _ in range(CANCEL_POLLS_MAX):
        state = await job_state(monitor, job)
        if state["status"] in {"concluded", "gone"}:
            break
        await clock.sleep(JOB_POLL_S)
    await monitor.try_to("job-dismiss", id=job)


async def job_state(monitor: Monitor, job: str) -> dict[str, Any]:
    jobs = await monitor.execute("query-jobs")
    return next((one for one in jobs if one["id"] == job), {"status": "gone"})
