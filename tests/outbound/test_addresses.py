"""Which addresses this host connects to for users, in all their spellings."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.outbound.addresses import choose_address, resolve

pytestmark = pytest.mark.anyio

PUBLIC = ["93.184.216.34", "1.1.1.1", "192.31.196.1", "2606:4700::1111", "2a00:1450::1",
          "64:ff9b::5db8:d822", "::ffff:93.184.216.34", "2001:200::1"]  # fmt: skip
INSIDE = [
    "127.0.0.1", "127.9.8.7", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "0x7f.1",
    "0.0.0.0", "0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "169.254.169.254", "172.31.255.255",
    "192.0.0.8", "192.0.0.9", "192.0.0.170", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "192.168.0.1", "198.18.0.1", "198.19.255.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "0:0:0:0:0:0:0:1", "::127.0.0.1", "::93.184.216.34", "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe", "0:0:0:0:0:ffff:10.0.0.1", "::ffff:0:10.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::169.254.169.254", "64:ff9b::192.0.0.192", "64:ff9b:1::1",
    "64:ff9b:1:ffff::10.0.0.1", "100::1", "100:0:0:1::1", "200::1", "2001::1", "2001:1::1",
    "2001:0:53aa:64c:0:fbff:80ff:fffe", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1",
    "2002:7f00:1::", "2002:c0a8:1::1", "2002:5db8:d822::1", "3fff::1", "3fff:fff::1", "4000::1",
    "5f00::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%lo", "fec0::1", "feff::1", "ff02::1",
]  # fmt: skip

# Connects as the server does, in a network namespace whose addresses are public.
INSIDE_A_NAMESPACE = """
import asyncio, subprocess, sys
from atoll.domain.errors import DriverError
from atoll.outbound.addresses import choose_address, resolve

async def said(address):
    try:
        return await choose_address(address, 80, resolve=resolve, allow_private=False)
    except DriverError as error:
        return f"{type(error).__name__}: {error.message}"

def ip(*words):
    subprocess.run(["ip", *words], check=True)

ip("link", "set", "lo", "up")
ip("link", "add", "up0", "type", "bridge")
ip("link", "set", "up0", "up")
print(asyncio.run(said(sys.argv[1])))
ip("addr", "add", "198.41.0.4/24", "dev", "up0")
ip("addr", "add", "198.41.0.5/24", "dev", "up0")
ip("addr", "add", "2a00:1450::4/64", "dev", "up0", "nodad")
ip("addr", "add", "93.184.216.34/32", "dev", "lo")
ip("route", "add", "local", "93.184.217.0/24", "dev", "lo")
local = ["ip", "-6", "route", "show", "table", "local"]
for _ in range(500):  # the kernel adds the route of an IPv6 address a moment later
    if b"2a00:1450::4" in subprocess.run(local, capture_output=True, check=True).stdout:
        break
print(asyncio.run(said(sys.argv[1])))
"""


async def check(text: str, *, allow_private: bool = False) -> str:
    return await choose_address(text, 80, resolve=resolve, allow_private=allow_private)


@pytest.mark.parametrize("text", PUBLIC)
async def test_a_public_address_is_connected_to(text: str) -> None:
    assert await check(text) == text


@pytest.mark.parametrize("text", INSIDE)
async def test_an_address_that_is_not_public_is_refused(text: str) -> None:
    with pytest.raises(DriverRefused, match=r"only public ones|nobody can connect"):
        await check(text)


@pytest.mark.parametrize("text", ["127.0.0.1", "10.1.2.3", "fec0::1", "::ffff:127.0.0.1"])
async def test_an_operator_can_allow_private_addresses(text: str) -> None:
    assert await check(text, allow_private=True) == text


@pytest.mark.parametrize("text", ["224.0.0.1", "0.0.0.0", "::", "64:ff9b::e000:1"])
async def test_nobody_connects_to_a_group_or_to_nothing(text: str) -> None:
    with pytest.raises(DriverRefused, match="nobody can connect"):
        await check(text, allow_private=True)


async def test_a_name_is_looked_up_once_and_all_its_addresses_count() -> None:
    lookups: list[str] = []

    async def both(host: str, port: int) -> Sequence[str]:
        lookups.append(host)
        return ["93.184.216.34", "192.0.0.192"]

    with pytest.raises(DriverRefused, match=r"both\.example is at 192\.0\.0\.192"):
        await choose_address("both.example", 80, resolve=both, allow_private=False)
    assert lookups == ["both.example"]


async def test_an_address_is_refused_when_the_kernel_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def silent(address: object) -> bool:
        raise TimeoutError(110, "Connection timed out")

    monkeypatch.setattr("atoll.outbound.addresses.stays_here", silent)
    with pytest.raises(DriverUnavailable, match="timed out"):
        await check("93.184.216.34")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make network namespaces")
@pytest.mark.parametrize(
    "address",
    ["198.41.0.4", "198.41.0.5", "198.41.0.255", "93.184.216.34", "93.184.217.77",
     "2a00:1450::4", "::ffff:198.41.0.4", "64:ff9b::c629:4", "0xc6290004"],
)  # fmt: skip
async def test_a_public_address_is_refused_as_soon_as_it_is_an_own_one(address: str) -> None:
    first, then = await asyncio.to_thread(connect_in_a_namespace, address)
    assert first == address.replace("0xc6290004", "198.41.0.4")
    assert then.startswith(DriverRefused.__name__)
    assert "an address of this host itself" in then


def connect_in_a_namespace(address: str) -> list[str]:
    command = ["unshare", "--net", sys.executable, "-c", INSIDE_A_NAMESPACE, address]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.splitlines()
