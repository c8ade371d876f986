"""Who reaches whom through the network `bridge`: between guests, from this host, and back out."""

import socket

import pytest

from atoll.domain.errors import DriverBusy, DriverRefused
from atoll.domain.security_groups import Direction, Protocol, Rule
from tests.networks.city import ANY_WAY_OUT, City
from tests.networks.fake_guests import SHOUT_PORT, FakeGuest, caller_of, until
from tests.networks.specs import guest_of, nic_of, tcp

pytestmark = pytest.mark.anyio
PUBLIC, OTHER_PUBLIC, FLOATING = "127.99.7.1", "127.99.7.2", "127.99.7.3"
SSH = tcp(22)
PING = Rule(protocol=Protocol.ICMP)


def echo_request() -> bytes:
    """Of ICMP; its checksum is that of these very bytes."""
    return bytes([8, 0, 0xF7, 0xFF, 0, 0, 0, 0])


def pings(guest: FakeGuest, address: str) -> bool:
    raw = guest.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
    with raw:
        raw.settimeout(0.7)
        raw.sendto(echo_request(), (address, 0))
        try:
            return raw.recv(1000)[20:21] == b"\0"
        except TimeoutError:
            return False


async def test_guests_of_one_subnet_reach_what_each_others_rules_open(city: City) -> None:
    asker, asked = await city.add(9), await city.add(10, SSH)
    for port in (22, 23):
        asked.fake.serve(port)
    with asker.fake.connect(asked.ip, 22) as connection:
        assert connection.recv(100).decode() == f"{asked.ip} called by {asker.ip}\n"
    assert not asker.fake.reaches(asked.ip, 23)


async def test_a_ping_is_answered_where_a_rule_allows_it_and_by_the_gateway(city: City) -> None:
    open_one, shut_one = await city.add(9, PING), await city.add(10)
    assert pings(shut_one.fake, open_one.ip)
    assert not pings(open_one.fake, shut_one.ip)
    assert pings(shut_one.fake, "10.1.0.2")


async def test_guests_of_two_subnets_of_one_network_reach_one_another(city: City) -> None:
    here = await city.add(9)
    there = await city.add(10, SSH, private_ip="10.2.0.10", subnet_cidr="10.2.0.0/24")
    there.fake.serve(22)
    assert here.fake.reaches("10.2.0.10", 22)


async def test_guests_of_two_networks_never_meet_even_with_the_same_addresses(city: City) -> None:
    ours, neighbour = await city.add(9), await city.add(10, SSH)
    theirs = await city.add(11, SSH, network="vpc-2", private_ip="10.1.0.10")
    alone = await city.add(12, SSH, network="vpc-3")
    for one in (neighbour, theirs, alone):
        one.fake.serve(22)
    with ours.fake.connect("10.1.0.10", 22) as connection:
        assert connection.recv(100).decode() == f"10.1.0.10 called by {ours.ip}\n"
    assert not ours.fake.reaches(alone.ip, 22)
    assert not theirs.fake.reaches(ours.ip, 22)


async def test_a_nic_without_a_network_is_alone(city: City) -> None:
    one, other = await city.add(9, network=""), await city.add(10, SSH, network="")
    other.fake.serve(22)
    assert not one.fake.reaches(other.ip, 22)


async def test_this_host_reaches_open_ports_at_the_public_address(city: City) -> None:
    guest = await city.add(9, SSH, public_ip=PUBLIC)
    for port in (22, 23):
        guest.fake.serve(port)
    assert guest.wiring.ports == {"tcp/22": f"{PUBLIC}:22"}
    assert caller_of(f"{PUBLIC}:22") == f"{guest.ip} called by 100.127.255.2"
    with pytest.raises(ConnectionRefusedError):
        caller_of(f"{PUBLIC}:23")


async def test_udp_is_carried_both_ways(city: City) -> None:
    guest = await city.add(9, Rule(protocol=Protocol.UDP, port=5353), public_ip=PUBLIC)
    server = guest.fake.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        server.settimeout(5)
        server.bind(("", 5353))
        caller.settimeout(5)
        caller.sendto(b"who?", (PUBLIC, 5353))
        asked, back = server.recvfrom(100)
        server.sendto(asked + b" me", back)
        assert caller.recv(100) == b"who? me"


async def test_a_port_that_the_host_uses_itself_is_replaced_by_one_above(city: City) -> None:
    with socket.create_server((PUBLIC, 8022)):
        guest = await city.add(9, tcp(8022), public_ip=PUBLIC)
    guest.fake.serve(8022)
    assert guest.wiring.ports == {"tcp/8022": f"{PUBLIC}:18022"}
    assert caller_of(f"{PUBLIC}:18022").startswith(guest.ip)
    city.kill_uplinks()
    assert (await city.tell(guest)).ports == {"tcp/8022": f"{PUBLIC}:18022"}
    assert caller_of(f"{PUBLIC}:18022").startswith(guest.ip)


async def test_a_rule_that_is_added_opens_at_once_and_one_taken_away_shuts(city: City) -> None:
    asker, guest = await city.add(9), await city.add(10, public_ip=PUBLIC)
    guest.fake.serve(22)
    assert not asker.fake.reaches(guest.ip, 22)
    await city.rules(guest, SSH)
    assert asker.fake.reaches(guest.ip, 22)
    assert caller_of(f"{PUBLIC}:22").startswith(guest.ip)
    await city.rules(guest)
    assert not asker.fake.reaches(guest.ip, 22)
    with pytest.raises(ConnectionRefusedError):
        caller_of(f"{PUBLIC}:22")


async def test_connections_that_were_let_in_go_on_whatever_changes(city: City) -> None:
    asker, guest = await city.add(9), await city.add(10, SSH, public_ip=PUBLIC)
    guest.fake.serve(22)
    inner = asker.fake.connect(guest.ip, 22)
    outer = socket.create_connection((PUBLIC, 22), 5)
    with inner, outer:
        for connection in (inner, outer):
            assert connection.recv(100)
        await city.rules(guest, tcp(80))
        await city.restart()
        await city.rules(guest)
        for connection in (inner, outer):
            connection.sendall(b"still there?")
            assert connection.recv(100) == b"still there?"


async def test_rules_for_a_range_let_in_who_is_in_it(city: City) -> None:
    allowed, other = await city.add(9), await city.add(10)
    guest = await city.add(11, tcp(22, cidr="10.1.0.9/32"), public_ip=PUBLIC)
    guest.fake.serve(22)
    assert allowed.fake.reaches(guest.ip, 22)
    assert not other.fake.reaches(guest.ip, 22)
    assert guest.wiring.ports == {}


async def test_rules_for_a_group_follow_its_members(city: City) -> None:
    guest = await city.add(9, tcp(22, group="sg-web"), public_ip=PUBLIC)
    member = await city.add(10, groups=("sg-web",))
    stranger = await city.add(11, groups=("sg-db",))
    await city.add(12, groups=("sg-web",), network="vpc-2")
    guest.fake.serve(22)
    assert guest.wiring.ports == {}
    assert member.fake.reaches(guest.ip, 22)
    assert not stranger.fake.reaches(guest.ip, 22)
    await city.change(stranger, groups=("sg-db", "sg-web"))
    await city.change(member, groups=())
    assert stranger.fake.reaches(guest.ip, 22)
    assert not member.fake.reaches(guest.ip, 22)


async def test_a_guest_sends_only_what_its_rules_let_out(city: City) -> None:
    guest, asked = await city.add(9, SSH), await city.add(10, tcp(22, 23))
    for port in (22, 23):
        asked.fake.serve(port)
    guest.fake.serve(22)
    await city.change(guest, rules=(SSH, tcp(22, direction=Direction.EGRESS)))
    assert guest.fake.reaches(asked.ip, 22)
    assert not guest.fake.reaches(asked.ip, 23)
    await city.change(guest, rules=(SSH,))
    assert not guest.fake.reaches(asked.ip, 22)
    assert asked.fake.reaches(guest.ip, 22)  # the answer belongs to what was let in


async def test_a_floating_ip_moves_between_guests_of_two_networks(city: City) -> None:
    first = await city.add(9, SSH, public_ip=PUBLIC, floating_ips=(FLOATING,))
    second = await city.add(10, SSH, public_ip=OTHER_PUBLIC, network="vpc-2")
    for one in (first, second):
        one.fake.serve(22)
    assert caller_of(f"{FLOATING}:22").startswith(first.ip)
    wiring = await city.change(second, floating_ips=(FLOATING,))
    assert caller_of(f"{FLOATING}:22").startswith(second.ip)
    assert caller_of(f"{PUBLIC}:22").startswith(first.ip)
    assert wiring.ports == {
        "tcp/22": f"{OTHER_PUBLIC}:22",
        f"tcp/22@{FLOATING}": f"{FLOATING}:22",
    }
    await city.change(first, floating_ips=())
    assert caller_of(f"{FLOATING}:22").startswith(second.ip)


async def test_no_guest_reaches_this_hosts_loopback(city: City) -> None:
    guest = await city.add(9)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server((PUBLIC, 0)) as two:
        for address in ("10.1.0.2", "100.127.255.2", "100.127.255.100", "127.0.0.1"):
            assert not guest.fake.reaches(address, server.getsockname()[1])
        assert not guest.fake.reaches(PUBLIC, two.getsockname()[1])


async def test_guests_with_ipv6_meet_by_it_where_rules_allow(city: City) -> None:
    asker = await city.add(9, ipv6="fd00:7::9")
    guest = await city.add(10, SSH, ipv6="fd00:7::a")
    for port in (22, 23):
        guest.fake.serve(port, socket.AF_INET6)
    assert until(lambda: "tentative" not in guest.fake.ip("addr") + asker.fake.ip("addr"))
    assert "dadfailed" not in guest.fake.ip("addr") + asker.fake.ip("addr")
    assert asker.fake.reaches("fd00:7::a", 22)
    assert not asker.fake.reaches("fd00:7::a", 23)


async def test_what_passed_is_counted_as_the_guest_sees_it(city: City) -> None:
    hears = Rule(protocol=Protocol.UDP, port=SHOUT_PORT)
    sender, receiver = await city.add(9), await city.add(10, hears)
    with receiver.fake.hearing() as shouts:
        sender.fake.shout(receiver.ip, b"x" * 1000, times=20)
        assert {shouts.recv(2000) for _ in range(20)} == {b"x" * 1000}
    (sent,) = await city.network.counters(sender.spec.id)
    (heard,) = await city.network.counters(receiver.spec.id)
    assert sent.mac == sender.spec.nic.mac
    assert sent.sent_bytes >= 20_000 > 10 * sent.received_bytes
    assert heard.received_bytes >= 20_000 > 10 * heard.sent_bytes
    assert sent.sent_packets >= 20 <= heard.received_packets
    assert await city.network.counters("inst-nobody") == ()


async def test_a_guest_in_two_networks_is_in_both_at_once(city: City) -> None:
    first, second = nic_of(9, SSH), nic_of(8, SSH, network="vpc-2", private_ip="10.9.0.8",
                                           subnet_cidr="10.9.0.0/24")  # fmt: skip
    spec = guest_of(first, second, name="inst-two")
    await city.add_as(spec)
    wiring = await city.network.ensure_port(spec, second, plug=True)
    assert wiring.tap is not None
    leg = FakeGuest(second, wiring.tap, f"atoll-test-{city.network.prefix[6:-1]}-leg")
    leg.serve(22)
    neighbour = await city.add(7, network="vpc-2", private_ip="10.9.0.7", subnet_cidr="10.9.0.0/24")
    assert neighbour.fake.reaches("10.9.0.8", 22)
    assert {one.mac for one in await city.network.counters("inst-two")} == {first.mac, second.mac}
    leg.unplug()
    await city.network.remove_port("inst-two", second.mac)
    assert [one.mac for one in await city.network.counters("inst-two")] == [first.mac]


async def test_an_address_in_use_in_a_network_is_not_given_to_another_guest(city: City) -> None:
    await city.add(9)
    twin = guest_of(nic_of(8, private_ip="10.1.0.9"), name="inst-twin")
    with pytest.raises(DriverBusy, match=r"10\.1\.0\.9 .* belongs to inst-9"):
        await city.network.ensure_port(twin, twin.nic, plug=True)


async def test_a_public_address_beyond_the_loopback_is_refused(city: City) -> None:
    spec = guest_of(nic_of(9, SSH, ANY_WAY_OUT, public_ip="192.0.2.9"))
    with pytest.raises(DriverRefused, match="not a loopback address"):
        await city.network.ensure_port(spec, spec.nic, plug=True)


async def test_a_port_that_somebody_took_meanwhile_stops_nobody_else(city: City) -> None:
    """The uplink was away for a moment, and a server of the host's was quicker."""
    robbed = await city.add(9, tcp(8022), public_ip=PUBLIC)
    other = await city.add(10, public_ip=OTHER_PUBLIC)
    city.kill_uplinks()
    with socket.create_server((PUBLIC, 8022)):
        wiring = await city.rules(other, tcp(8022))
        other.fake.serve(8022)
        assert caller_of(wiring.ports["tcp/8022"]).startswith(other.ip)
        moved = await city.tell(robbed)
    assert moved.ports == {"tcp/8022": f"{PUBLIC}:18022"}
