"""What the unprivileged network opens, and what it says where it cannot."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.domain.security_groups import DEFAULT_RULES, Direction, Protocol, Rule
from atoll.messages import NicSpec
from atoll.networks.user import PORTS_MAX, UserNetwork

pytestmark = pytest.mark.anyio
PUBLIC = "127.99.8.7"
GUEST = "inst-1"


def nic(*rules: Rule, public_ip: str | None = PUBLIC) -> NicSpec:
    return NicSpec(
        mac="52:54:00:00:00:01",
        private_ip="10.1.0.9",
        subnet_cidr="10.1.0.0/16",
        public_ip=public_ip,
        rules=rules,
    )


def tcp(port: int, port_max: int | None = None, cidr: str = "0.0.0.0/0") -> Rule:
    return Rule(protocol=Protocol.TCP, port=port, port_max=port_max, cidr=cidr)


@pytest.fixture
def occupied_port() -> Iterator[int]:
    with closing(socket.create_server((PUBLIC, 0))) as server:
        yield server.getsockname()[1]


async def test_the_guest_gets_its_subnet_gateway_name_server_and_address() -> None:
    wiring = await UserNetwork().ensure_port(GUEST, nic())
    assert wiring.netdev == (
        "user,net=10.1.0.0/16,host=10.1.0.2,dns=10.1.0.3,dhcpstart=10.1.0.9,ipv6=off"
    )
    assert wiring.ports == {}


async def test_each_open_port_is_forwarded_once_from_the_public_address() -> None:
    rules = (tcp(8080, 8082), tcp(8081), Rule(protocol=Protocol.UDP, port=5353))
    wiring = await UserNetwork().ensure_port(GUEST, nic(*rules))
    assert set(wiring.ports) == {"tcp/8080", "tcp/8081", "tcp/8082", "udp/5353"}
    assert wiring.ports["tcp/8081"] == f"{PUBLIC}:8081"
    assert wiring.netdev.count("hostfwd=") == 4
    assert f"hostfwd=tcp:{PUBLIC}:8081-10.1.0.9:8081" in wiring.netdev


async def test_a_port_that_somebody_has_is_replaced_by_one_ten_thousand_above(
    occupied_port: int,
) -> None:
    above = occupied_port + 10_000
    if above > 65_535:
        pytest.skip("the system gave out a port with none above")
    wiring = await UserNetwork().ensure_port(GUEST, nic(tcp(occupied_port)))
    assert wiring.ports == {f"tcp/{occupied_port}": f"{PUBLIC}:{above}"}
    assert f"tcp:{PUBLIC}:{above}-10.1.0.9:{occupied_port}" in wiring.netdev


async def test_a_replacement_never_takes_the_place_of_another_open_port() -> None:
    with closing(socket.create_server((PUBLIC, 20_022))):
        rules = (tcp(20_022), tcp(30_022))
        wiring = await UserNetwork().ensure_port(GUEST, nic(*rules))
    assert wiring.ports == {
        "tcp/20022": f"{PUBLIC}:40022",
        "tcp/30022": f"{PUBLIC}:30022",
    }


async def test_no_port_left_says_what_was_tried() -> None:
    with (
        closing(socket.create_server((PUBLIC, 60_001))),
        pytest.raises(DriverUnavailable, match="tried 60001"),
    ):
        await UserNetwork().ensure_port(GUEST, nic(tcp(60_001)))


async def test_what_concerns_nobody_on_this_host_opens_nothing() -> None:
    rules = (
        tcp(80, cidr="203.0.113.0/24"),
        Rule(protocol=Protocol.ICMP),
        Rule(direction=Direction.EGRESS, protocol=Protocol.ALL),
    )
    assert (await UserNetwork().ensure_port(GUEST, nic(*rules))).ports == {}


async def test_a_rule_for_the_loopback_alone_opens() -> None:
    wiring = await UserNetwork().ensure_port(GUEST, nic(tcp(8090, cidr="127.0.0.1/32")))
    assert set(wiring.ports) == {"tcp/8090"}


async def test_without_a_public_address_nothing_is_open() -> None:
    assert (await UserNetwork().ensure_port(GUEST, nic(tcp(80), public_ip=None))).ports == {}


async def test_a_public_address_beyond_the_loopback_is_refused() -> None:
    with pytest.raises(DriverRefused, match="not a loopback address"):
        await UserNetwork().ensure_port(GUEST, nic(public_ip="192.0.2.1"))


@pytest.mark.parametrize(
    "rules",
    [
        (Rule(protocol=Protocol.ALL),),
        (Rule(protocol=Protocol.TCP),),
        (tcp(1000, 1000 + PORTS_MAX),),
        (tcp(1000, 1050), tcp(2000, 2050)),
    ],
)
async def test_more_ports_than_can_be_forwarded_are_refused(rules: tuple[Rule, ...]) -> None:
    with pytest.raises(DriverRefused, match=f"at most {PORTS_MAX}"):
        await UserNetwork().ensure_port(GUEST, nic(*rules))


async def test_the_default_group_opens_ssh_and_says_that_ping_is_not_the_guests() -> None:
    network = UserNetwork()
    wiring = await network.ensure_port(GUEST, nic(*DEFAULT_RULES))
    assert set(wiring.ports) == {"tcp/22"}
    assert any("ICMP" in sentence for sentence in network.limits)
