"""PCI devices of this machine that guests use exclusively, by the kernel's vfio-pci.

Called by the composition root before a host starts, and by `driver` before a guest does. It reads
the state of a device from the kernel; the operator binds it to vfio-pci.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from atoll.domain.accelerators import Device, address_of
from atoll.domain.errors import DriverRefused
from atoll.messages import GuestSpec

DRIVER = "vfio-pci"
# Allowed drivers of other devices in the IOMMU group: none, and the PCIe bridge.
HARMLESS = frozenset({DRIVER, "pci-stub", "pcieport", ""})
DEVICES_MAX = 16
SYSFS, DEV = Path("/sys"), Path("/dev")


def require_ready(
    devices: Sequence[Device], guest_uid: int | None, *, sysfs: Path = SYSFS, dev: Path = DEV
) -> None:
    """Require that each device can be assigned to a guest, and give the user of QEMU access.
    Raises DriverRefused with what to do."""
    for device in devices:
        place = sysfs / "bus/pci/devices" / device.address
        what = f"the accelerator {device.kind} at {device.address}"
        if not place.exists():
            raise DriverRefused(f"{what}: the PCI device does not exist, see `lspci -D`")
        require_vfio(place, what)
        group = place / "iommu_group"
        if not group.exists():
            raise DriverRefused(
                f"{what}: the IOMMU of this machine is not enabled: enable it in the firmware "
                "(VT-d or AMD-Vi), and boot with intel_iommu=on on an Intel processor"
            )
        for neighbour in sorted((group / "devices").iterdir()):
            require_harmless(neighbour, what)
        hand_over(dev / "vfio" / group.resolve().name, guest_uid, what)


def driver_of(place: Path) -> str:
    link = place / "driver"
    return link.resolve().name if link.exists() else ""


def require_vfio(place: Path, what: str) -> None:
    driver = driver_of(place)
    if driver != DRIVER:
        ids = [read_id(place / name) for name in ("vendor", "device")]
        raise DriverRefused(
            f"{what} is bound to {driver or 'no driver'}, not to {DRIVER}: run `driverctl "
            f"set-override {place.name} {DRIVER}`, or boot with {DRIVER}.ids={':'.join(ids)}"
        )


def read_id(file: Path) -> str:
    return file.read_text().strip().removeprefix("0x") if file.exists() else "…"


def require_harmless(neighbour: Path, what: str) -> None:
    driver = driver_of(neighbour)
    if driver not in HARMLESS:
        raise DriverRefused(
            f"{what} shares its IOMMU group with {neighbour.name}, which is bound to {driver}: "
            f"bind that device to {DRIVER} as well"
        )


def hand_over(node: Path, guest_uid: int | None, what: str) -> None:
    """Give the user of QEMU access to the file of the group, which belongs to root."""
    if not node.exists():
        raise DriverRefused(f"{what}: {node} does not exist: run `modprobe {DRIVER}`")
    if guest_uid is not None:
        os.chown(node, guest_uid, guest_uid)
    elif not os.access(node, os.R_OK | os.W_OK):
        raise DriverRefused(
            f"{what}: {node} is not accessible to this user: grant access with a udev rule"
        )


def give_devices(
    devices: Sequence[Device], uid: int | None, *, sysfs: Path = SYSFS, dev: Path = DEV
) -> None:
    """Give the files of the devices' groups to the user of the guest that is about to start."""
    for device in devices:
        group = sysfs / "bus/pci/devices" / device.address / "iommu_group"
        what = f"the accelerator {device.kind} at {device.address}"
        hand_over(dev / "vfio" / group.resolve().name, uid, what)


def require_devices(
    guest: GuestSpec, offered: Sequence[Device], others: Iterable[GuestSpec]
) -> None:
    """Require that all devices of the guest exist on this host and are free. Raises
    DriverRefused."""
    if not guest.devices:
        return
    if len(guest.devices) > DEVICES_MAX:
        raise DriverRefused(
            f"the guest has {len(guest.devices)} accelerators, at most {DEVICES_MAX} are possible"
        )
    addresses = {device.address for device in offered}
    taken = {device.address: other.id for other in others for device in other.devices}
    for device in guest.devices:
        if device.address not in addresses or address_of(device.address) != device.address:
            raise DriverRefused(
                f"this host no longer has an accelerator {device.kind} at {device.address}: start "
                f"Atoll with --accelerator {device.kind}={device.address}"
            )
        if taken.get(device.address, guest.id) != guest.id:
            raise DriverRefused(f"{device.address} is in use by {taken[device.address]}")
