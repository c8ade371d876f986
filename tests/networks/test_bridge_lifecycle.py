"""The network `bridge` across restarts and crashes of ours: what stands stays, what was left half
done is finished, and what nobody needs goes."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atoll.domain.errors import DriverBusy, DriverRefused, DriverUnavailable
from atoll.networks import bridge, bridge_links, namespaces
from atoll.networks.bridge import TOOLS, BridgeNetwork
from atoll.networks.bridge_records import Records
from atoll.networks.metadata_server import MetadataServer
from atoll.networks.uplink import Uplink
from atoll.system import SystemClock
from tests.networks.city import Citizen, City
from tests.networks.fake_guests import PATIENCE_S, caller_of
from tests.networks.specs import guest_of, nic_of, tcp

pytestmark = pytest.mark.anyio
PUBLIC = "127.99.7.30"
SPEC = guest_of(nic_of(9, tcp(22), public_ip=PUBLIC), name="inst-9")
# Whatever changes the world on the way to a port, and on the way back, in order.
TO_A_PORT = [
    (Records, "save"),
    (namespaces, "ensure"),
    (bridge_links, "ensure_bridge"),
    (namespaces, "run"),
    (bridge_links, "plug_in"),
    (bridge_links, "ensure_taps"),
    (bridge_links, "match_addresses"),
    (bridge_links, "match_neighbours"),
    (bridge_links, "connect"),
    (Uplink, "ensure"),
    (bridge_links, "open_to_forwarding"),
    (Uplink, "match_forwards"),
    (MetadataServer, "ensure"),
]
FROM_A_PORT = [
    (MetadataServer, "close"),
    (Uplink, "stop"),
    (bridge_links, "clear"),
    (namespaces, "remove"),
    (Records, "remove"),
]


def crash(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, *, done: bool) -> None:
    """The next call fails: before it did anything, or when all was done."""
    real: Callable[..., Any] = getattr(where, name)

    def failing(*given: Any, **named: Any) -> Any:
        made = real(*given, **named) if done else None
        if isinstance(made, int):
            os.close(made)  # a descriptor, which ends with its process
        raise OSError("the power is out")

    async def failing_later(*given: Any, **named: Any) -> Any:
        if done:
            await real(*given, **named)
        raise OSError("the power is out")

    later = asyncio.iscoroutinefunction(real)
    monkeypatch.setattr(where, name, failing_later if later else failing)


async def has_sent(city: City, guest: Citizen, wanted_bytes: int) -> bool:
    async with asyncio.timeout(PATIENCE_S):
        while (await city.network.counters(guest.spec.id))[0].sent_bytes < wanted_bytes:
            await asyncio.sleep(0.01)
    return True


async def test_a_new_process_knows_what_the_old_one_built(city: City) -> None:
    guest, other = await city.add(9, tcp(22), public_ip=PUBLIC), await city.add(10)
    guest.fake.serve(22)
    before, uplinks = city.ip("link"), [one.pid for one in city.uplinks()]
    await city.restart()
    assert (await city.tell(guest)).ports == {"tcp/22": f"{PUBLIC}:22"}
    assert (await city.tell(guest)).tap is None
    assert caller_of(f"{PUBLIC}:22").startswith(guest.ip)
    assert other.fake.reaches(guest.ip, 22)
    assert (city.ip("link"), [one.pid for one in city.uplinks()]) == (before, uplinks)


async def test_a_guest_is_removed_by_a_process_that_never_plugged_it_in(city: City) -> None:
    kept, gone = await city.add(9, tcp(22)), await city.add(10)
    await city.restart()
    await city.remove(gone)
    assert gone.spec.nic.mac not in city.ip("link") + city.ip("neigh")
    assert kept.spec.nic.mac in city.ip("neigh")


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("where", "name"), TO_A_PORT, ids=[name for _, name in TO_A_PORT])
async def test_a_crash_on_the_way_to_a_port_is_made_good(
    city: City, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, done: bool
) -> None:
    with monkeypatch.context() as patch:
        crash(patch, where, name, done=done)
        with pytest.raises(DriverUnavailable, match="the power is out"):
            await city.network.ensure_port(SPEC, SPEC.nic, plug=True)
    await city.restart()
    guest = await city.add_as(SPEC)
    guest.fake.serve(22)
    assert caller_of(f"{PUBLIC}:22").startswith(guest.ip)


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("where", "name"), FROM_A_PORT, ids=[name for _, name in FROM_A_PORT])
async def test_a_crash_on_the_way_back_leaves_nothing_once_it_is_asked_again(
    city: City, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, done: bool
) -> None:
    """The fixture looks for what is left."""
    guest = await city.add_as(SPEC)
    city.citizens.remove(guest)
    guest.fake.unplug()
    with monkeypatch.context() as patch:
        crash(patch, where, name, done=done)
        with pytest.raises(DriverUnavailable, match="the power is out"):
            await city.network.remove_port(SPEC.id)
    await city.restart()
    await city.network.remove_port(SPEC.id)
    assert city.uplinks() == []


async def test_a_namespace_that_no_record_tells_of_is_taken_down(city: City) -> None:
    guest = await city.add(9)
    (namespace,) = city.namespaces()
    for path in city.folder.glob("port-*.json"):
        path.unlink()
    await city.restart()
    assert not namespaces.exists(namespace)
    city.citizens.remove(guest)
    guest.fake.unplug()


async def test_after_a_reboot_of_the_machine_a_guest_is_plugged_in_again(city: City) -> None:
    guest = await city.add(9, tcp(22), public_ip=PUBLIC)
    (namespace,) = city.namespaces()
    city.citizens.remove(guest)
    guest.fake.unplug()
    await city.network.close()
    city.kill_uplinks()
    namespaces.remove(namespace)
    await city.restart()
    assert city.namespaces() == []
    again = await city.add_as(guest.spec)
    again.fake.serve(22)
    assert caller_of(f"{PUBLIC}:22").startswith(again.ip)


async def test_what_somebody_took_away_by_hand_is_built_again(city: City) -> None:
    guest = await city.add(9, tcp(22), public_ip=PUBLIC)
    guest.fake.serve(22)
    for link in ("br0", "out0"):
        city.ip("link", "delete", link)
    await city.tell(guest)
    assert caller_of(f"{PUBLIC}:22").startswith(guest.ip)


async def test_a_tap_is_not_plugged_in_while_a_former_process_holds_it(city: City) -> None:
    guest = await city.add(9, tcp(22), public_ip=PUBLIC)
    with pytest.raises(DriverBusy, match="still in use"):
        await city.network.ensure_port(guest.spec, guest.spec.nic, plug=True)
    guest.fake.shout("10.1.0.2", b"x" * 1000, times=20)
    assert await has_sent(city, guest, 20_000)  # so it is still plugged in
    city.citizens.remove(guest)
    guest.fake.unplug()
    await city.add_as(guest.spec)
    (counted,) = await city.network.counters(guest.spec.id)
    assert counted.sent_bytes < 10_000  # since this plug, not since the first


async def test_the_machines_own_network_is_as_it_was(city: City) -> None:
    def own() -> list[str]:
        shown = [["ip", "link"], ["ip", "-4", "route"], ["ip", "addr"], ["nft", "list", "ruleset"]]
        listed = [namespaces.run(one) for one in shown]
        sysctls = ["ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv4/conf/all/send_redirects"]
        return [*listed, *((bridge_links.SYSCTLS / one).read_text() for one in sysctls)]

    before = own()
    guest = await city.add(9, tcp(22), public_ip=PUBLIC, ipv6="fd00::9")
    assert own() == before
    await city.remove(guest)
    assert own() == before


async def test_without_root_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(DriverRefused, match="start Atoll as root, or choose --network user"):
        await BridgeNetwork(tmp_path, SystemClock()).open()


@pytest.mark.parametrize("tool", TOOLS)
async def test_a_missing_tool_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == tool else "/bin/true")
    with pytest.raises(DriverRefused, match=f"requires {tool},.*apt-get install {TOOLS[tool]}"):
        await BridgeNetwork(tmp_path, SystemClock()).open()


async def test_a_machine_that_forbids_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "require_tools", lambda: None)
    crash(monkeypatch, namespaces, "run", done=False)
    with pytest.raises(DriverRefused, match="the network `bridge` cannot create networks"):
        await BridgeNetwork(tmp_path, SystemClock()).open()
