"""The command line of a guest, read as QEMU would."""

import json
from itertools import pairwise
from typing import Any

import pytest

from atoll.domain import ids
from atoll.domain.accelerators import Device
from atoll.drivers.qemu.command_line import Boot, accel, command_line
from atoll.drivers.qemu.devices import ROOT, Chain, Disk, Nic
from atoll.messages import GuestSpec, NicSpec, SeedSpec
from atoll.ports import PortWiring

INSTANCE = ids.native(ids.INSTANCE, ids.compose(1_760_000_000_000, 12345))
CHAIN = Chain(layers=(("top", "top/disk"), ("low", "low/disk")), base="image/disk")
ROOT_DISK = Disk(volume_id="vol-root", slot=ROOT, chain=CHAIN)
WIRING = PortWiring(
    netdev="user,net=10.0.0.0/24", forwards=("tcp:127.16.0.5:22-10.0.0.4:22",), ports={}
)
NIC = Nic(mac="52:54:00:00:00:01", wiring=WIRING)
DIRECT = Boot(
    disks=(ROOT_DISK,), nics=(NIC,), kernel="vmlinuz", initrd="initrd", cmdline="root=/dev/vda"
)


def guest(**changes: Any) -> GuestSpec:
    given: dict[str, Any] = {
        "id": INSTANCE,
        "name": "web",
        "vcpus": 1,
        "memory_mib": 128,
        "root_volume_id": "vol",
        "image_id": "img",
        "nic": NicSpec(mac="52:54:00:00:00:01", private_ip="10.0.0.4", subnet_cidr="10.0.0.0/24"),
        "seed": SeedSpec(hostname="web"),
    }
    return GuestSpec(**(given | changes))


def options(command: list[str], name: str) -> list[str]:
    return [value for option, value in pairwise(command) if option == name]


def build(spec: GuestSpec, boot: Boot = DIRECT, accelerator: str = "tcg") -> list[str]:
    return command_line(spec, boot, accelerator)


def test_memory_and_processors_are_exactly_as_asked() -> None:
    command = build(guest(memory_mib=192, vcpus=3))
    assert options(command, "-m") == ["192M"]
    assert options(command, "-smp") == ["3"]
    assert not any("maxmem" in word or "maxcpus" in word for word in command)


def test_the_process_is_named_by_the_guests_id_and_has_its_uuid() -> None:
    command = build(guest())
    assert options(command, "-name") == [f"guest={INSTANCE}"]
    assert options(command, "-uuid") == [ids.to_uuid(INSTANCE)]


def test_nothing_that_a_user_named_is_on_the_command_line() -> None:
    assert build(guest(name="x,id=y;evil")) == build(guest(name="web"))


def test_no_socket_has_an_absolute_path() -> None:
    words = build(guest())
    sockets = [word for word in words if ".sock" in word]
    assert len(sockets) == 5
    assert not any("/" in word for word in sockets)


@pytest.mark.parametrize(("memory_mib", "buffer_mib"), [(64, 32), (256, 32), (257, 64)])
def test_the_translation_buffer_is_bounded(memory_mib: int, buffer_mib: int) -> None:
    assert accel("tcg", memory_mib) == f"tcg,thread=multi,tb-size={buffer_mib}"


def test_an_accelerated_guest_sees_the_hosts_processor() -> None:
    command = build(guest(), accelerator="kvm")
    assert options(command, "-accel") == ["kvm"]
    assert options(command, "-cpu") == ["host"]


def test_every_file_of_a_disk_names_its_format_and_only_the_top_is_writable() -> None:
    root, seed = map(json.loads, options(build(guest()), "-blockdev"))
    chain = [root, root["backing"], root["backing"]["backing"]]
    assert [node["file"]["filename"] for node in chain] == ["top/disk", "low/disk", "image/disk"]
    assert [node["driver"] for node in chain] == ["qcow2"] * 3
    assert [node["read-only"] for node in chain] == [False, True, True]
    assert [node["node-name"] for node in chain] == ["root-top", "root-low", "root-base"]
    assert chain[-1]["backing"] is None
    assert (seed["driver"], seed["read-only"]) == ("raw", True)


def test_a_volume_without_a_base_has_none_forced_upon_it() -> None:
    empty = Disk(volume_id="vol-root", slot=ROOT, chain=Chain(layers=(("top", "disk"),)))
    root = json.loads(options(build(guest(), Boot(disks=(empty,))), "-blockdev")[0])
    assert root["backing"] is None


def test_an_image_without_a_kernel_boots_from_its_disk() -> None:
    command = build(guest(), Boot(disks=(ROOT_DISK,)))
    assert not {"-kernel", "-initrd", "-append"} & set(command)


def test_twelve_slots_are_spare_for_what_is_plugged_in_later() -> None:
    slots = [word for word in build(guest()) if word.startswith("pcie-root-port")]
    assert len(slots) == len(set(slots)) == 12


def test_further_volumes_and_nics_have_slots_of_their_own_and_come_after_the_root() -> None:
    volume = Disk(volume_id="vol-" + "x" * 6 + "y" * 20, slot="spare1", chain=CHAIN)
    nic = Nic(
        mac="52:54:00:00:00:02", wiring=PortWiring(netdev="tap,fd={fd}", tap=7), slot="spare2"
    )
    command = build(guest(), Boot(disks=(ROOT_DISK, volume), nics=(NIC, nic)))
    devices = [json.loads(word) for word in options(command, "-device") if word.startswith("{")]
    places = [(device["driver"], device.get("bus")) for device in devices]
    assert places == [
        ("virtio-blk-pci", None),
        ("virtio-blk-pci", None),
        ("virtio-blk-pci", "spare1"),
        ("virtio-net-pci", None),
        ("virtio-net-pci", "spare2"),
    ]
    assert devices[2]["serial"] == "y" * 20
    first, second = options(command, "-netdev")
    assert first == (
        "user,net=10.0.0.0/24,id=net-525400000001,hostfwd=tcp:127.16.0.5:22-10.0.0.4:22"
    )
    assert second == "tap,fd=7,id=net-525400000002"


def test_each_accelerator_is_behind_a_port_of_its_own() -> None:
    devices = tuple(Device(kind="gpu", address=f"0000:{n:02x}:00.0") for n in range(0x65, 0x75))
    words = options(build(guest(devices=devices)), "-device")
    given = [dict(part.split("=") for part in w.split(",")[1:]) for w in words if "vfio" in w]
    assert words.count("vfio-pci,host=0000:65:00.0,bus=accelerator0") == 1
    assert [device["host"] for device in given] == [device.address for device in devices]
    ports = [
        dict(part.split("=") for part in word.split(",")[1:])
        for word in words
        if word.startswith("pcie-root-port")
    ]
    assert [port["id"] for port in ports if "accelerator" in port["id"]] == [
        device["bus"] for device in given
    ]
    for unique in ("id", "chassis", "addr"):
        assert len({port[unique] for port in ports}) == len(ports) == 12 + 16


def test_a_guest_without_accelerators_has_no_ports_for_them() -> None:
    assert not [word for word in build(guest()) if "vfio" in word or "accelerator" in word]
