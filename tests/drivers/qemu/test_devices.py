"""Volumes and NICs as QEMU is told of them."""

import pytest

from atoll.domain.errors import DriverRefused
from atoll.drivers.qemu.devices import (
    ROOT,
    Chain,
    Disk,
    Nic,
    blockdev,
    forward_source,
    layer_of,
    netdev_option,
    netdev_words,
    node_name,
    slot_of,
    volume_device,
)
from atoll.ports import PortWiring

MAC = "52:54:00:00:00:01"
VOLUME = "vol-01m7z3etcnfmevghzhmeae0955"
FORWARD = "tcp:127.16.0.5:22-10.128.0.4:22"


def test_a_volume_is_found_by_the_last_20_characters_of_its_id() -> None:
    disk = Disk(volume_id=VOLUME, slot="spare3", chain=Chain(layers=(("0a", "path"),)))
    assert volume_device(disk)["serial"] == VOLUME[-20:]
    assert volume_device(disk)["bus"] == "spare3"


def test_a_nodes_name_tells_its_slot_and_its_layer_and_is_short_enough_for_qemu() -> None:
    name = node_name("spare12", "0123456789ab")
    assert (slot_of(name), layer_of(name)) == ("spare12", "0123456789ab")
    assert len(name) <= 31


def test_a_chain_of_33_layers_is_named_whole() -> None:
    layers = tuple((f"{number:012x}", f"layers/{number}") for number in range(33))
    node = blockdev(Disk(volume_id=VOLUME, slot=ROOT, chain=Chain(layers=layers, base="image")))
    files = []
    while node:
        files.append(node["file"]["filename"])
        node = node["backing"]
    assert files == [*(path for _, path in layers), "image"]


def test_a_network_says_the_same_on_the_command_line_and_while_a_guest_runs() -> None:
    wiring = PortWiring(netdev="user,net=10.0.0.0/24,ipv6=off", forwards=(FORWARD,))
    nic = Nic(mac=MAC, wiring=wiring)
    assert netdev_option(nic) == (
        f"user,net=10.0.0.0/24,ipv6=off,id=net-525400000001,hostfwd={FORWARD}"
    )
    assert netdev_words(nic, "unused") == {
        "type": "user",
        "id": "net-525400000001",
        "net": "10.0.0.0/24",
        "ipv6": False,
        "hostfwd": [{"str": FORWARD}],
    }


def test_a_taps_descriptor_is_a_number_at_the_start_and_a_name_later() -> None:
    nic = Nic(mac=MAC, wiring=PortWiring(netdev="tap,fd={fd},vhost=off", tap=9))
    assert netdev_option(nic) == "tap,fd=9,vhost=off,id=net-525400000001"
    words = netdev_words(nic, "net-525400000001")
    assert (words["fd"], words["vhost"]) == ("net-525400000001", False)


@pytest.mark.parametrize("forward", [f"{FORWARD}\nquit", f"{FORWARD},net=0.0.0.0/0", "tcp::22-:22"])
def test_nothing_comes_along_with_a_forward(forward: str) -> None:
    wiring = PortWiring(netdev="user", forwards=(forward,))
    with pytest.raises(DriverRefused, match="is not a valid port forward"):
        netdev_option(Nic(mac=MAC, wiring=wiring))


def test_a_forward_is_taken_back_by_where_it_listens() -> None:
    assert forward_source(FORWARD) == "tcp:127.16.0.5:22"
