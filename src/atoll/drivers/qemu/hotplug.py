"""Changes a running guest without a restart: volumes, NICs, forwards, keys.

Called by `driver.QemuDriver`, which locks the guest and its volumes meanwhile. It
can be interrupted at any point and repeated: it queries the current state from QEMU.
"""

import asyncio
import os
from collections.abc import Sequence
from functools import partial

from atoll.domain.errors import DriverBusy, DriverRefused, DriverUnavailable
from atoll.drivers.qemu.block_nodes import devices_in_slots, drop_nodes, plug_volume, plugged_disks
from atoll.drivers.qemu.devices import (
    SPARE_SLOTS,
    Disk,
    Nic,
    checked,
    forward_source,
    netdev_id,
    netdev_words,
    nic_device,
    nic_device_id,
)
from atoll.drivers.qemu.guest import Guest
from atoll.drivers.qemu.guest_agent import set_root_keys
from atoll.drivers.qemu.monitor import Monitor
from atoll.drivers.qemu.volumes import Volumes
from atoll.messages import GuestSpec, NicSpec
from atoll.ports import Network, PortWiring

UNPLUG_S = 1.0
ASK_AGAIN_S = 0.5


class Hotplug:
    def __init__(self, disks: Volumes, network: Network) -> None:
        self._volumes = disks
        self._network = network

    async def configure(self, guest: Guest, spec: GuestSpec) -> None:
        """Apply the specification. Raises DriverBusy if the guest has not released all devices."""
        require_places(spec)
        if spec.root_volume_id != guest.record.spec.root_volume_id:
            raise DriverRefused(
                f"the root volume of guest {spec.id} changes at its next start: stop it"
            )
        await self._tell_keys(guest, spec)
        await guest.change(spec=spec)
        monitor = await guest.monitor()
        held = await self._unplug_what_leaves(guest, monitor)
        await self._wire_nics(guest, monitor)
        await self._plug_volumes(guest, monitor)
        await guest.note_volumes(monitor)
        if held:
            raise DriverBusy(
                f"the guest still uses {', '.join(held)}: unmount it in the guest",
                after_s=ASK_AGAIN_S,
            )

    async def _tell_keys(self, guest: Guest, spec: GuestSpec) -> None:
        """Update the keys. A guest without an agent gets them from its seed at a reinstallation."""
        record = guest.record
        if spec.seed.ssh_keys != record.spec.seed.ssh_keys and record.pid is not None:
            await set_root_keys(guest.folder.path, record.pid, spec.seed.ssh_keys)

    async def _unplug_what_leaves(self, guest: Guest, monitor: Monitor) -> list[str]:
        """Unplug devices; return those that the guest did not release in time."""
        spec = guest.record.spec
        staying = {*spec.volumes, *(nic_device_id(nic.mac) for nic in spec.nics)}
        slots = await devices_in_slots(monitor)
        leaving = [device for device in slots.values() if device and device not in staying]
        await asyncio.gather(*(guest.unplug(device, UNPLUG_S) for device in leaving))
        slots = await devices_in_slots(monitor)
        for slot in (slot for slot, device in slots.items() if device is None):
            await drop_nodes(monitor, slot)
        await self._forget_nics(guest, monitor, set(slots.values()))
        return [device for device in leaving if device in slots.values()]

    async def _forget_nics(self, guest: Guest, monitor: Monitor, plugged: set[str | None]) -> None:
        """Forget NICs that are neither wanted nor present."""
        spec, forwards = guest.record.spec, guest.record.forwards
        wished = {nic.mac for nic in (spec.nic, *spec.nics)}
        for mac in [mac for mac in forwards if mac not in wished]:
            if nic_device_id(mac) not in plugged:
                await monitor.try_to("netdev_del", id=netdev_id(mac))
                await self._network.remove_port(spec.id, mac)
                await guest.change(forwards=without(guest.record.forwards, mac))

    async def _wire_nics(self, guest: Guest, monitor: Monitor) -> None:
        spec, ports = guest.record.spec, dict[str, str]()
        slots = await devices_in_slots(monitor)
        for nic in spec.nics:
            if nic_device_id(nic.mac) not in slots.values():
                await self._plug_nic(guest, monitor, nic)
        for nic in reversed((spec.nic, *spec.nics)):  # on conflicts the first NIC wins
            ports |= (await self.rewire(guest, nic)).ports
        if ports != guest.record.ports:
            await guest.change(ports=ports)

    async def take_up(self, guest: Guest) -> None:
        """Resume a guest of an earlier run."""
        spec = guest.record.spec
        for nic in (spec.nic, *spec.nics):
            if nic.mac in guest.record.forwards:
                await self.rewire(guest, nic)

    async def rewire(self, guest: Guest, nic: NicSpec) -> PortWiring:
        """Update the rules and addresses of an existing NIC."""
        spec = guest.record.spec
        wiring = await self._network.ensure_port(spec, nic, plug=False)
        before = guest.record.forwards.get(nic.mac, ())
        if wiring.forwards != before:
            await change_forwards(await guest.monitor(), nic.mac, before, wiring.forwards)
        if wiring.forwards != before or nic.mac not in guest.record.forwards:
            await guest.change(forwards=guest.record.forwards | {nic.mac: wiring.forwards})
        return wiring

    async def _plug_nic(self, guest: Guest, monitor: Monitor, spec: NicSpec) -> None:
        slot = await free_slot(monitor)
        wiring = await self._network.ensure_port(guest.record.spec, spec, plug=True)
        nic = Nic(mac=spec.mac, wiring=wiring, slot=slot)
        try:
            await plug_nic(monitor, nic)
        except BaseException:
            await self._network.remove_port(guest.record.spec.id, spec.mac)
            raise
        finally:
            close_tap(wiring)
        await guest.change(forwards=guest.record.forwards | {spec.mac: wiring.forwards})

    async def _plug_volumes(self, guest: Guest, monitor: Monitor) -> None:
        for volume_id in guest.record.spec.volumes:
            if volume_id in await plugged_disks(monitor):
                continue
            slot = await free_slot(monitor)
            await self._volumes.settle(volume_id, guest)
            chain_of = partial(self._volumes.chain_for, volume_id, guest.folder.path, guest.user)
            disk = Disk(volume_id=volume_id, slot=slot, chain=await asyncio.to_thread(chain_of))
            await plug_volume(monitor, disk)


def require_places(spec: GuestSpec) -> None:
    wanted = len(spec.volumes) + len(spec.nics)
    if wanted > SPARE_SLOTS:
        raise DriverRefused(
            f"guest {spec.id} can have at most {SPARE_SLOTS} additional volumes and NICs, "
            f"{wanted} are requested"
        )


async def free_slot(monitor: Monitor) -> str:
    """Find a free slot. There are enough slots, but some may not be released yet."""
    for slot, device in (await devices_in_slots(monitor)).items():
        if device is None:
            return slot
    raise DriverBusy(
        "the guest has not yet released the devices to detach, and has no other free slot",
        after_s=ASK_AGAIN_S,
    )


async def plug_nic(monitor: Monitor, nic: Nic) -> None:
    name = netdev_id(nic.mac)
    await monitor.try_to("netdev_del", id=name)  # from an interrupted attempt
    if nic.wiring.tap is not None:
        await monitor.give(nic.wiring.tap, name)
    await monitor.execute("netdev_add", **netdev_words(nic, name))
    try:
        await monitor.execute("device_add", **nic_device(nic))
    except DriverUnavailable:
        await monitor.try_to("netdev_del", id=name)
        raise


async def change_forwards(
    monitor: Monitor, mac: str, before: Sequence[str], after: Sequence[str]
) -> None:
    """Apply changed forwards. Unchanged ones and their connections are not affected. Each new one
    is removed first, because an interrupted attempt may have added it."""
    gone = [forward for forward in before if forward not in after]
    new = [forward for forward in checked(after) if forward not in before]
    for forward in (*gone, *new):
        await monitor.say(f"hostfwd_remove {netdev_id(mac)} {forward_source(forward)}")
    for forward in new:
        said = await monitor.say(f"hostfwd_add {netdev_id(mac)} {forward}")
        if said:
            raise DriverUnavailable(f"QEMU could not open {forward}: {said}")


def close_tap(wiring: PortWiring) -> None:
    """Close our descriptor: QEMU has its own copy, or will not get one."""
    if wiring.tap is not None:
        os.close(wiring.tap)


def without(forwards: dict[str, tuple[str, ...]], mac: str) -> dict[str, tuple[str, ...]]:
    return {other: value for other, value in forwards.items() if other != mac}
