"""What every network keeps to."""

import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from atoll.messages import NicSpec
from atoll.networks.bridge import BridgeNetwork
from atoll.networks.public_ports import PORTS_MAX
from atoll.networks.user import UserNetwork
from atoll.ports import Network, PortWiring
from atoll.system import SystemClock
from tests.networks.specs import guest_of, nic_of, tcp

pytestmark = pytest.mark.anyio

PUBLIC, FLOATING = "127.99.8.6", "127.99.8.5"
NIC = nic_of(9, tcp(8022), public_ip=PUBLIC)
SECOND = nic_of(7, tcp(8022), public_ip=FLOATING, network="vpc-2")
GUEST = guest_of(NIC, SECOND)
Make = Callable[[], Network]


@pytest.fixture(params=["user", "bridge"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """The network of one host, as each process of ours makes it."""
    if request.param == "user":
        return UserNetwork
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    return lambda: BridgeNetwork(tmp_path, SystemClock())


@pytest.fixture
async def network(make: Make) -> AsyncIterator[Network]:
    built = make()
    await built.open()
    yield built
    await built.remove_port(GUEST.id)
    await built.close()


async def wire(network: Network, nic: NicSpec = NIC, *, plug: bool = True) -> PortWiring:
    """What a driver keeps of it, when it has handed the tap to QEMU."""
    wiring = await network.ensure_port(GUEST, nic, plug=plug)
    if wiring.tap is not None:
        os.close(wiring.tap)
    assert plug or wiring.tap is None
    return replace(wiring, tap=None)


@contextlib.contextmanager
def held(wiring: PortWiring) -> Iterator[None]:
    """Its ports are listened at: by the guest's QEMU, where the network does not do so itself."""
    with contextlib.ExitStack() as listening:
        for place in wiring.ports.values():
            host, _, port = place.rpartition(":")
            with contextlib.suppress(OSError):
                listening.enter_context(socket.create_server((host, int(port))))
        yield


async def test_a_port_that_is_ensured_twice_is_wired_the_same(network: Network) -> None:
    assert await wire(network) == await wire(network)


async def test_it_is_wired_the_same_also_while_the_guest_holds_its_ports(network: Network) -> None:
    first = await wire(network)
    with held(first):
        assert await wire(network, plug=False) == first


async def test_a_new_process_of_ours_finds_the_guests_ports_as_they_were(
    network: Network, make: Make
) -> None:
    first = await wire(network)
    await network.close()
    with held(first):
        another = make()
        await another.open()
        assert (await wire(another, plug=False)).ports == first.ports
    await another.close()
    await network.open()


async def test_other_rules_make_another_wiring(network: Network) -> None:
    await wire(network)
    closed = await wire(network, replace(NIC, rules=()), plug=False)
    assert closed.ports == {}
    assert closed.forwards == ()


async def test_a_port_that_stays_open_stays_where_it_is(network: Network) -> None:
    first = await wire(network)
    with held(first):
        more = await wire(network, replace(NIC, rules=(tcp(8022), tcp(8023))), plug=False)
    assert more.ports == first.ports | {"tcp/8023": f"{PUBLIC}:8023"}
    assert set(first.forwards) <= set(more.forwards)


async def test_a_floating_ip_comes_and_goes_beside_the_public_address(network: Network) -> None:
    first = await wire(network)
    with held(first):
        floated = await wire(network, replace(NIC, floating_ips=(FLOATING,)), plug=False)
        further = {f"tcp/8022@{FLOATING}": f"{FLOATING}:8022"}
        assert floated.ports == first.ports | further
        assert await wire(network, plug=False) == first


async def test_a_guests_nics_are_wired_and_removed_one_by_one(network: Network) -> None:
    first, second = await wire(network, NIC), await wire(network, SECOND)
    await network.remove_port(GUEST.id, NIC.mac)
    with held(second):
        assert await wire(network, SECOND, plug=False) == second
    assert (await wire(network, NIC)).ports == first.ports
    counted = await network.counters(GUEST.id)
    assert {one.mac for one in counted} in (set(), {NIC.mac, SECOND.mac})


async def test_of_more_ports_than_can_be_forwarded_as_many_as_can_are(network: Network) -> None:
    wiring = await wire(network, replace(NIC, rules=(tcp(20_000, 21_000), tcp(30_000))))
    first = {f"tcp/{port}" for port in range(20_000, 20_000 + PORTS_MAX - 1)}
    assert set(wiring.ports) == first | {"tcp/30000"}


async def test_removing_twice_or_what_never_was_is_fine(network: Network) -> None:
    await wire(network)
    for name in (GUEST.id, GUEST.id, "unknown"):
        await network.remove_port(name)
    assert (await wire(network)).ports


async def test_what_a_network_cannot_do_stands_in_sentences(network: Network) -> None:
    assert isinstance(network, UserNetwork | BridgeNetwork)
    assert all(sentence.endswith(".") for sentence in network.limits)
