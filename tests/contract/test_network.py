"""What every network keeps to."""

import socket
from contextlib import closing

import pytest
from msgspec.structs import replace

from atoll.domain.security_groups import Protocol, Rule
from atoll.messages import NicSpec
from atoll.networks.user import UserNetwork
from atoll.ports import Network

pytestmark = pytest.mark.anyio

NIC = NicSpec(
    mac="52:54:00:00:00:01",
    private_ip="10.1.0.9",
    subnet_cidr="10.1.0.0/16",
    public_ip="127.99.8.6",
    rules=(Rule(protocol=Protocol.TCP, port=8022),),
)


@pytest.fixture(params=[UserNetwork])
def network(request: pytest.FixtureRequest) -> Network:
    built: Network = request.param()
    return built


async def test_a_port_that_is_ensured_twice_is_wired_the_same(network: Network) -> None:
    assert await network.ensure_port("a", NIC) == await network.ensure_port("a", NIC)


async def test_it_is_wired_the_same_also_while_the_guest_holds_its_ports(network: Network) -> None:
    first = await network.ensure_port("a", NIC)
    host, _, port = first.ports["tcp/8022"].rpartition(":")
    with closing(socket.create_server((host, int(port)))):
        assert await network.ensure_port("a", NIC) == first


async def test_other_rules_make_another_wiring(network: Network) -> None:
    await network.ensure_port("a", NIC)
    closed = await network.ensure_port("a", replace(NIC, rules=()))
    assert closed.ports == {}


async def test_removing_twice_or_what_never_was_is_fine(network: Network) -> None:
    await network.ensure_port("a", NIC)
    for name in ("a", "a", "unknown"):
        await network.remove_port(name)
    assert (await network.ensure_port("a", NIC)).ports
