"""The disks and NICs of a guest, in the syntax of the command line and of QMP. Pure.

Called by `command_line` for a guest that starts and by `hotplug` for one that runs; both use
the same description, so a device looks the same either way. A guest finds a volume by its serial,
the last 20 characters of the volume's id: `/dev/disk/by-id/virtio-<those>`. The root volume's
serial number is `root`.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from atoll.domain.errors import DriverRefused
from atoll.ports import PortWiring

ROOT = "root"
SPARE_SLOTS = 12
SLOTS = tuple(f"spare{number}" for number in range(1, SPARE_SLOTS + 1))
SERIAL_LENGTH = 20  # maximum of virtio-blk
FORWARD = re.compile(r"(tcp|udp):[0-9.]+:\d+-[0-9.]+:\d+")
SWITCH_WORDS = {"on": True, "off": False}

Words = dict[str, Any]


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a volume: id and path of each layer, from the top down, and the image."""

    layers: tuple[tuple[str, str], ...]
    base: str | None = None


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """A volume in a slot; that of the root volume is `ROOT`."""

    volume_id: str
    slot: str
    chain: Chain


class Nic(msgspec.Struct, frozen=True, kw_only=True):
    """A NIC. `slot` is None for the first one, which is never unplugged."""

    mac: str
    wiring: PortWiring
    slot: str | None = None


def node_name(slot: str, layer_id: str) -> str:
    """Name the node of a layer in a slot: volumes of a guest can share layers."""
    return f"{slot}-{layer_id}"


def layer_of(node: str) -> str:
    return node.rpartition("-")[2]


def slot_of(node: str) -> str:
    return node.rpartition("-")[0]


def blockdev(disk: Disk) -> Words:
    """Build all layers. Formats and backing files are explicit, so that data of the guest cannot
    change them."""
    layers = disk.chain.layers
    backing = base_node(disk)
    for number, (layer, path) in reversed(list(enumerate(layers))):
        words = qcow2_node(node_name(disk.slot, layer), path, writable=number == 0)
        backing = words | {"backing": backing}
    assert backing is not None, "a volume has a layer at least"
    return backing


def base_node(disk: Disk) -> Words | None:
    base = disk.chain.base
    if base is None:
        return None
    return qcow2_node(node_name(disk.slot, "base"), base, writable=False) | {"backing": None}


def overlay(slot: str, layer_id: str, path: str) -> Words:
    """Build a layer without its backing node, which `blockdev-snapshot` adds."""
    return qcow2_node(node_name(slot, layer_id), path, writable=True) | {"backing": None}


def qcow2_node(node: str, path: str, *, writable: bool) -> Words:
    return {"driver": "qcow2", **node_over_file(node, path, writable=writable)}


def raw_node(node: str, path: str) -> Words:
    return {"driver": "raw", **node_over_file(node, path, writable=False)}


def node_over_file(node: str, path: str, *, writable: bool) -> Words:
    return {
        "node-name": node,
        "read-only": not writable,
        "discard": "unmap",
        "file": {"driver": "file", "filename": path, "discard": "unmap"},
    }


def root_device(disk: Disk) -> Words:
    return {
        "driver": "virtio-blk-pci",
        "id": ROOT,
        "drive": top_node(disk),
        "serial": ROOT,
        "bootindex": 1,
    }


def volume_device(disk: Disk) -> Words:
    return {
        "driver": "virtio-blk-pci",
        "id": disk.volume_id,
        "bus": disk.slot,
        "drive": top_node(disk),
        "serial": disk.volume_id[-SERIAL_LENGTH:],
    }


def top_node(disk: Disk) -> str:
    return node_name(disk.slot, disk.chain.layers[0][0])


def nic_device_id(mac: str) -> str:
    return f"nic-{mac.replace(':', '')}"


def netdev_id(mac: str) -> str:
    return f"net-{mac.replace(':', '')}"


def nic_device(nic: Nic) -> Words:
    bus = {} if nic.slot is None else {"bus": nic.slot}
    return {
        "driver": "virtio-net-pci",
        "id": nic_device_id(nic.mac),
        "netdev": netdev_id(nic.mac),
        "mac": nic.mac,
        "romfile": "",
        **bus,
    }


def netdev_option(nic: Nic) -> str:
    """For the command line: QEMU inherits the descriptor of the tap by number."""
    wiring = nic.wiring
    netdev = wiring.netdev.replace("{fd}", str(wiring.tap))
    forwards = [f"hostfwd={forward}" for forward in checked(wiring.forwards)]
    return ",".join([netdev, f"id={netdev_id(nic.mac)}", *forwards])


def netdev_words(nic: Nic, descriptor_name: str) -> Words:
    """For QMP: the descriptor of the tap has a name."""
    wiring = nic.wiring
    kind, *options = wiring.netdev.replace("{fd}", descriptor_name).split(",")
    words: Words = {"type": kind, "id": netdev_id(nic.mac)}
    for option in options:
        name, _, value = option.partition("=")
        words[name] = SWITCH_WORDS.get(value, value)
    if wiring.forwards:
        words["hostfwd"] = [{"str": forward} for forward in checked(wiring.forwards)]
    return words


def forward_source(forward: str) -> str:
    """`tcp:127.16.0.5:22` of `tcp:127.16.0.5:22-10.128.0.4:22`, to remove a forward."""
    return forward.partition("-")[0]


def checked(forwards: Sequence[str]) -> Sequence[str]:
    """Validate values that become part of a text command for QEMU."""
    for forward in forwards:
        if FORWARD.fullmatch(forward) is None:
            raise DriverRefused(f"{forward!r} is not a valid port forward of QEMU's user network")
    return forwards
