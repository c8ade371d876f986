"""What the unprivileged network opens, and what it says where it cannot."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.domain.security_groups import DEFAULT_RULES, Direction, Protocol, Rule
from atoll.messages import NicSpec
from atoll.networks.public_ports import PORTS_MAX
from atoll.networks.user import UserNetwork
from atoll.ports import PortWiring
from tests.networks.specs import guest_of, nic_of, tcp

pytestmark = pytest.mark.anyio
PUBLIC = "127.99.8.7"
FLOATING = "127.99.8.8"


def nic(
    *rules: Rule, public_ip: str | None = PUBLIC, floating_ips: tuple[str, ...] = ()
) -> NicSpec:
    return nic_of(9, *rules, public_ip=public_ip, floating_ips=floating_ips)


async def wire(
    nic: NicSpec, network: UserNetwork | None = None, *, plug: bool = True
) -> PortWiring:
    return await (network or UserNetwork()).ensure_port(guest_of(nic), nic, plug=plug)


@pytest.fixture
def occupied_port() -> Iterator[int]:
    with closing(socket.create_server((PUBLIC, 0))) as server:
        yield server.getsockname()[1]


async def test_the_guest_gets_its_subnet_gateway_name_server_and_address() -> None:
    wiring = await wire(nic())
    assert wiring.netdev == (
        "user,net=10.1.0.0/16,host=10.1.0.2,dns=10.1.0.3,dhcpstart=10.1.0.9,ipv6=off"
    )
    assert wiring.ports == {}


async def test_each_open_port_is_forwarded_once_from_the_public_address() -> None:
    rules = (tcp(8080, 8082), tcp(8081), Rule(protocol=Protocol.UDP, port=5353))
    wiring = await wire(nic(*rules))
    assert set(wiring.ports) == {"tcp/8080", "tcp/8081", "tcp/8082", "udp/5353"}
    assert wiring.ports["tcp/8081"] == f"{PUBLIC}:8081"
    assert len(wiring.forwards) == 4
    assert f"tcp:{PUBLIC}:8081-10.1.0.9:8081" in wiring.forwards
    assert f"udp:{PUBLIC}:5353-10.1.0.9:5353" in wiring.forwards


async def test_a_port_that_somebody_has_is_replaced_by_one_ten_thousand_above(
    occupied_port: int,
) -> None:
    above = occupied_port + 10_000
    if above > 65_535:
        pytest.skip("the system gave out a port with none above")
    wiring = await wire(nic(tcp(occupied_port)))
    assert wiring.ports == {f"tcp/{occupied_port}": f"{PUBLIC}:{above}"}
    assert wiring.forwards == (f"tcp:{PUBLIC}:{above}-10.1.0.9:{occupied_port}",)


async def test_a_replacement_never_takes_the_place_of_another_open_port() -> None:
    with closing(socket.create_server((PUBLIC, 20_022))):
        rules = (tcp(20_022), tcp(30_022))
        wiring = await wire(nic(*rules))
    assert wiring.ports == {
        "tcp/20022": f"{PUBLIC}:40022",
        "tcp/30022": f"{PUBLIC}:30022",
    }


async def test_no_port_left_says_what_was_tried() -> None:
    with (
        closing(socket.create_server((PUBLIC, 60_001))),
        pytest.raises(DriverUnavailable, match="tried 60001"),
    ):
        await wire(nic(tcp(60_001)))


async def test_what_concerns_nobody_on_this_host_opens_nothing() -> None:
    rules = (
        tcp(80, cidr="203.0.113.0/24"),
        Rule(protocol=Protocol.ICMP),
        Rule(direction=Direction.EGRESS, protocol=Protocol.ALL),
        tcp(81, group="sg-1"),
    )
    assert (await wire(nic(*rules))).ports == {}


async def test_a_rule_for_the_loopback_alone_opens() -> None:
    wiring = await wire(nic(tcp(8090, cidr="127.0.0.1/32")))
    assert set(wiring.ports) == {"tcp/8090"}


async def test_without_a_public_address_nothing_is_open() -> None:
    assert (await wire(nic(tcp(80), public_ip=None))).ports == {}


async def test_a_public_address_beyond_the_loopback_is_refused() -> None:
    with pytest.raises(DriverRefused, match="not a loopback address"):
        await wire(nic(public_ip="192.0.2.1"))


@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP, Protocol.ALL])
async def test_a_guest_that_opens_everything_has_the_ports_that_are_most_likely_meant(
    protocol: Protocol,
) -> None:
    wiring = await wire(nic(Rule(protocol=protocol)))
    names = ("tcp", "udp") if protocol is Protocol.ALL else (str(protocol),)
    assert len(wiring.ports) == len(wiring.forwards) == PORTS_MAX
    for name in names:
        likely = {f"{name}/{port}" for port in (22, 80, 443, 3389, 8080, 1, 2, 3)}
        assert likely <= set(wiring.ports)


async def test_ports_that_rules_name_come_before_the_rest_of_ranges() -> None:
    wide, narrow, single = tcp(1, 65_535), tcp(40_000, 40_009), tcp(50_000)
    wiring = await wire(nic(wide, narrow, single))
    assert {"tcp/22", "tcp/40000", "tcp/40009", "tcp/50000"} <= set(wiring.ports)
    assert len(wiring.ports) == PORTS_MAX
    assert (await wire(nic(single, narrow, wide))).ports == wiring.ports


async def test_of_too_many_ports_always_the_same_are_forwarded() -> None:
    every = [tcp(port) for port in range(20_000, 20_150)]
    wiring = await wire(nic(*every))
    assert set(wiring.ports) == {f"tcp/{port}" for port in range(20_000, 20_000 + PORTS_MAX)}
    assert (await wire(nic(*reversed(every)))).ports == wiring.ports


async def test_the_default_group_opens_ssh_and_says_that_ping_is_not_the_guests() -> None:
    network = UserNetwork()
    wiring = await wire(nic(*DEFAULT_RULES), network)
    assert set(wiring.ports) == {"tcp/22"}
    assert any("ICMP" in sentence for sentence in network.limits)


async def test_a_floating_ip_leads_to_the_same_ports_as_the_public_address() -> None:
    wiring = await wire(nic(tcp(8080), floating_ips=(FLOATING,)))
    assert wiring.forwards == (
        f"tcp:{PUBLIC}:8080-10.1.0.9:8080",
        f"tcp:{FLOATING}:8080-10.1.0.9:8080",
    )
    assert wiring.ports == {
        "tcp/8080": f"{PUBLIC}:8080",
        f"tcp/8080@{FLOATING}": f"{FLOATING}:8080",
    }


async def test_each_address_says_by_which_port_of_this_host_it_is_reached() -> None:
    with closing(socket.create_server((FLOATING, 8080))):
        wiring = await wire(nic(tcp(8080), floating_ips=(FLOATING,)))
    assert wiring.ports == {
        "tcp/8080": f"{PUBLIC}:8080",
        f"tcp/8080@{FLOATING}": f"{FLOATING}:18080",
    }


async def test_a_floating_ip_alone_is_where_the_guest_is_reached() -> None:
    wiring = await wire(nic(tcp(8080), public_ip=None, floating_ips=(FLOATING,)))
    assert wiring.ports == {"tcp/8080": f"{FLOATING}:8080"}


async def test_a_port_that_stays_open_keeps_its_place_while_others_come_and_go() -> None:
    network = UserNetwork()
    before = await wire(nic(tcp(8080), tcp(8081)), network)
    with closing(socket.create_server((PUBLIC, 8080))):  # the guest, as far as anybody can tell
        after = await wire(nic(tcp(8080), tcp(8082), floating_ips=(FLOATING,)), network, plug=False)
    assert before.forwards[0] in after.forwards
    assert after.ports == {
        "tcp/8080": f"{PUBLIC}:8080",
        "tcp/8082": f"{PUBLIC}:8082",
        f"tcp/8080@{FLOATING}": f"{FLOATING}:8080",
        f"tcp/8082@{FLOATING}": f"{FLOATING}:8082",
    }
    assert not any(":8081-" in forward for forward in after.forwards)


async def test_a_new_port_does_not_take_the_replacement_of_another() -> None:
    network = UserNetwork()
    with closing(socket.create_server((PUBLIC, 20_022))):
        first = await wire(nic(tcp(20_022)), network)
    assert first.ports == {"tcp/20022": f"{PUBLIC}:30022"}
    second = await wire(nic(tcp(20_022), tcp(30_022)), network)
    assert second.ports == {"tcp/20022": f"{PUBLIC}:30022", "tcp/30022": f"{PUBLIC}:40022"}


async def test_a_running_guest_that_is_taken_up_keeps_the_ports_that_it_holds() -> None:
    """It listens at 18022, for 8022 was taken when it started; by now 8022 would be free."""
    with closing(socket.create_server((PUBLIC, 18_022))):
        wiring = await wire(nic(tcp(8022)), plug=False)
    assert wiring.ports == {"tcp/8022": f"{PUBLIC}:18022"}


async def test_a_server_of_the_host_is_not_taken_for_the_guest_that_is_taken_up() -> None:
    with closing(socket.create_server(("0.0.0.0", 0))) as server:
        port = server.getsockname()[1]
        if port + 10_000 > 65_535:
            pytest.skip("the system gave out a port with none above")
        wiring = await wire(nic(tcp(port)), plug=False)
    assert wiring.ports == {f"tcp/{port}": f"{PUBLIC}:{port + 10_000}"}


async def test_a_guests_nics_are_wired_and_forgotten_one_by_one() -> None:
    network, first, second = UserNetwork(), nic(tcp(8080)), nic_of(7, tcp(8080), public_ip=FLOATING)
    guest = guest_of(first, second)
    for one in (first, second):
        await network.ensure_port(guest, one, plug=True)
    with (
        closing(socket.create_server((PUBLIC, 8080))),
        closing(socket.create_server((FLOATING, 8080))),
    ):
        await network.remove_port(guest.id, first.mac)
        kept = await network.ensure_port(guest, second, plug=True)
        anew = await network.ensure_port(guest, first, plug=True)
    assert kept.ports == {"tcp/8080": f"{FLOATING}:8080"}
    assert anew.ports == {"tcp/8080": f"{PUBLIC}:18080"}
