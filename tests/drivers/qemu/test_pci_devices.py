"""Devices of this machine, as a made-up /sys and /dev say what they are."""

import os
from pathlib import Path

import pytest

from atoll.domain.accelerators import Device
from atoll.domain.errors import DriverRefused
from atoll.drivers.qemu.pci_devices import give_devices, require_devices, require_ready
from tests.drivers.qemu.test_command_line import guest

CARD = Device(kind="nvidia-rtx-3090", address="0000:65:00.0")
SOUND = "0000:65:00.1"
GROUP = "17"


class Machine:
    """With one card and its sound, both in one IOMMU group."""

    def __init__(self, root: Path) -> None:
        self.sysfs, self.dev = root / "sys", root / "dev"
        self.devices = self.sysfs / "bus/pci/devices"
        self.group = self.sysfs / "kernel/iommu_groups" / GROUP
        (self.group / "devices").mkdir(parents=True)
        (self.dev / "vfio").mkdir(parents=True)
        (self.dev / "vfio" / GROUP).touch()
        for address in (CARD.address, SOUND):
            place = self.devices / address
            place.mkdir(parents=True)
            (place / "vendor").write_text("0x10de\n")
            (place / "device").write_text("0x2204\n")
            (place / "iommu_group").symlink_to(self.group)
            (self.group / "devices" / address).symlink_to(place)
            self.bind(address, "vfio-pci")

    def bind(self, address: str, driver: str | None) -> None:
        link = self.devices / address / "driver"
        link.unlink(missing_ok=True)
        if driver is not None:
            folder = self.sysfs / "bus/pci/drivers" / driver
            folder.mkdir(parents=True, exist_ok=True)
            link.symlink_to(folder)

    def check(self, uid: int | None = None) -> None:
        require_ready([CARD], uid, sysfs=self.sysfs, dev=self.dev)

    def refusal(self) -> str:
        with pytest.raises(DriverRefused) as told:
            self.check()
        return told.value.message


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_device_of_vfio_is_ready_and_is_handed_to_the_guests_user(machine: Machine) -> None:
    machine.check()
    machine.check(os.geteuid())
    assert (machine.dev / "vfio" / GROUP).stat().st_uid == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_device_is_given_to_the_user_of_the_guest_that_starts_with_it(machine: Machine) -> None:
    for user in (61_190, 61_191):
        give_devices([CARD], user, sysfs=machine.sysfs, dev=machine.dev)
        assert (machine.dev / "vfio" / GROUP).stat().st_uid == user


@pytest.mark.parametrize(("driver", "word"), [("nvidia", "nvidia"), (None, "no driver")])
def test_one_of_another_driver_is_refused_with_what_to_do(
    machine: Machine, driver: str | None, word: str
) -> None:
    machine.bind(CARD.address, driver)
    told = machine.refusal()
    assert f"nvidia-rtx-3090 at 0000:65:00.0 is bound to {word}, not to vfio-pci" in told
    assert "driverctl set-override 0000:65:00.0 vfio-pci" in told
    assert "vfio-pci.ids=10de:2204" in told


def test_a_neighbour_that_the_host_uses_is_named(machine: Machine) -> None:
    machine.bind(SOUND, "snd_hda_intel")
    assert f"IOMMU group with {SOUND}, which is bound to snd_hda_intel" in machine.refusal()
    machine.bind(SOUND, None)
    machine.check()


def test_a_machine_without_an_iommu_is_told_to_switch_it_on(machine: Machine) -> None:
    (machine.devices / CARD.address / "iommu_group").unlink()
    assert "VT-d" in machine.refusal()


def test_a_device_that_is_not_there_is_told(machine: Machine) -> None:
    with pytest.raises(DriverRefused, match="PCI device does not exist"):
        require_ready(
            [Device(kind="x", address="0000:01:00.0")], None, sysfs=machine.sysfs, dev=machine.dev
        )


def test_without_the_groups_file_the_module_is_missing(machine: Machine) -> None:
    (machine.dev / "vfio" / GROUP).unlink()
    assert "modprobe vfio-pci" in machine.refusal()


def test_a_guest_is_given_only_what_the_host_has_and_nobody_else_uses() -> None:
    one = guest(devices=(CARD,))
    other = guest(id="inst-other", devices=(CARD,))
    require_devices(one, [CARD], [one])
    with pytest.raises(DriverRefused, match="in use by inst-other"):
        require_devices(one, [CARD], [other])
    with pytest.raises(DriverRefused, match="start Atoll with --accelerator"):
        require_devices(one, [], [])
    crowd = tuple(Device(kind="x", address=f"0000:{n:02x}:00.0") for n in range(17))
    with pytest.raises(DriverRefused, match="at most 16"):
        require_devices(guest(devices=crowd), crowd, [])


def test_what_is_no_place_on_the_bus_never_reaches_a_command_line() -> None:
    evil = Device(kind="x", address="0000:65:00.0,x-vga=on")
    with pytest.raises(DriverRefused):
        require_devices(guest(devices=(evil,)), [evil], [])
