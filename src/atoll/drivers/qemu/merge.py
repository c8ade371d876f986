"""Keeps chains of layers short: merges layers without a snapshot upwards (block commit).

Called by `driver.QemuDriver` from time to time, with all volumes of the chain locked. A merge runs
in slices that can be interrupted anywhere: the contents of a layer never change, and the record of
the upper layer accepts both possible backing files until the copy is complete. Layers that two
running guests read are never merged.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from atoll.drivers.qemu.block_nodes import drop_node, finish_job, forget_job, plugged_disks
from atoll.drivers.qemu.devices import node_name
from atoll.drivers.qemu.files import run_qemu_img, sync
from atoll.drivers.qemu.guest import Guest
from atoll.drivers.qemu.layers import DISK_FILE, Layer, Layers, Volume
from atoll.drivers.qemu.monitor import Monitor
from atoll.ports import Clock

CHAIN_MERGED = 16
SLICE_S = 5.0
JOB = "merge"
FILTER = "merging"


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """Merge `lower` into `upper`, which is on top of it and in the chains of all these volumes."""

    lower: str
    upper: str
    volume_ids: tuple[str, ...]


def find_merges(layers: Layers, longer_than: int = CHAIN_MERGED) -> list[Merge]:
    """Find merges in chains that are too long, the smallest first."""
    every = {layer.id: layer for layer in layers.all()}
    standing = Counter(layer.parent for layer in every.values())
    named = {snapshot.layer for snapshot in layers.snapshots()}
    chains = {volume.id: chain_ids(every, volume) for volume in layers.volumes()}
    found = {
        lower: upper
        for chain in chains.values()
        if len(chain) > longer_than
        for upper, lower in pairwise(chain)
        if lower not in named and standing[lower] == 1
    }
    return [
        Merge(
            lower=lower,
            upper=found[lower],
            volume_ids=tuple(one for one, chain in chains.items() if found[lower] in chain),
        )
        for lower in sorted(found, key=layers.allocated_bytes)
    ]


def chain_ids(every: dict[str, Layer], volume: Volume) -> list[str]:
    """List the ids from the top down."""
    return list(walk(every, volume.next_layer or volume.layer))


def walk(every: dict[str, Layer], top: str | None) -> Iterator[str]:
    while top is not None and top in every:
        yield top
        top = every[top].parent


class Merger:
    def __init__(self, layers: Layers, clock: Clock) -> None:
        self._layers = layers
        self._clock = clock

    async def merge(self, merge: Merge, volume_id: str, guest: Guest | None) -> bool:
        """Run one slice; return whether it was the last. `guest` is running with the volume."""
        layers = self._layers
        upper, lower = layers.get(merge.upper), layers.get(merge.lower)
        volumes = [await asyncio.to_thread(layers.get_volume, one) for one in merge.volume_ids]
        if upper.parent != lower.id or any(volume.next_layer for volume in volumes):
            return False
        for layer in (upper, lower):
            await asyncio.to_thread(layers.check_layer, layer, f"volume {volume_id}")
        marked = msgspec.structs.replace(upper, absorbing=True)
        await asyncio.to_thread(layers.save_layer, marked)
        frozen = upper.id not in {volume.layer for volume in volumes}
        user = guest.user if guest is not None else None
        layers.open_up(upper.id, user)
        try:
            whole = await self._copy(marked, lower, volume_id, guest)
        finally:
            if frozen:
                layers.protect(upper.id)
                layers.grant(upper.id, user)
        if whole:
            await asyncio.to_thread(self._commit, marked, lower)
        return whole

    def _commit(self, upper: Layer, lower: Layer) -> None:
        """Flush the copy to disk before the lower layer is deleted."""
        sync(self._layers.disk_of(upper.id))
        self._layers.save_layer(
            msgspec.structs.replace(
                upper,
                parent=lower.parent,
                image_id=lower.image_id,
                base=lower.base,
                absorbing=False,
            )
        )
        self._layers.sweep()

    async def _copy(self, upper: Layer, lower: Layer, volume_id: str, guest: Guest | None) -> bool:
        if guest is not None:
            monitor = await guest.monitor()
            device = guest.device_of(volume_id)
            disk = (await plugged_disks(monitor)).get(device)
            if disk is not None:
                return await self._stream(monitor, disk.slot, upper, lower)
        await asyncio.to_thread(self._rebase, upper, lower)
        return True

    def _rebase(self, upper: Layer, lower: Layer) -> None:
        """Copy needed data of the lower layer. Raises DriverUnavailable at the end of the slice;
        copied data is kept."""
        onto = self._layers.backing_file_of(lower)
        over = ["-b", ""] if onto is None else ["-F", "qcow2", "-b", onto]
        run_qemu_img(
            ["rebase", "-q", "-f", "qcow2", *over, DISK_FILE],
            self._layers.folder_of(upper.id),
            privileges=self._layers.tools,
            timeout_s=SLICE_S,
        )

    async def _stream(self, monitor: Monitor, slot: str, upper: Layer, lower: Layer) -> bool:
        """Do the same with the QEMU of the running guest (block stream)."""
        words = {
            "job-id": JOB,
            "device": node_name(slot, upper.id),
            "filter-node-name": node_name(slot, FILTER),
            "auto-dismiss": False,
        }
        onto = self._layers.backing_file_of(lower)
        if onto is not None:
            below = lower.parent or "base"
            words |= {"base-node": node_name(slot, below), "backing-file": onto}
        async with monitor.nodes_change:
            await forget_job(monitor, self._clock, JOB)
            await monitor.execute("block-stream", **words)
            if not await finish_job(monitor, self._clock, JOB, SLICE_S):
                return False
        await drop_node(monitor, slot, lower.id)
        return True
