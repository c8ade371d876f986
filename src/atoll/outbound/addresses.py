"""The addresses to which this host connects for users: for images, and for webhooks.

The host follows a URL given by a user, which must not reach what only the host can reach (cloud
metadata, services of the host, its private networks), by any name or redirect (SSRF protection).
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

from atoll.domain.errors import DriverRefused, DriverUnavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


async def resolve(host: str, port: int) -> Sequence[str]:
    """Resolve a host with the resolver of the system."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DriverUnavailable(f"the name {host} cannot be resolved: {error}") from error
    return [str(entry[4][0]) for entry in found]


async def choose_address(host: str, port: int, *, resolve: Resolve, allow_private: bool) -> str:
    """Choose the address to connect to. One forbidden address rejects the host, because a later
    lookup could return any of them."""
    addresses = await resolve(host, port)
    if not addresses:
        raise DriverUnavailable(f"the name {host} has no address")
    for text in addresses:
        require_allowed(host, ipaddress.ip_address(text.partition("%")[0]), allow_private)
    return addresses[0]


def require_allowed(host: str, address: Address, allow_private: bool) -> None:
    reached = embedded(address)
    if reached.is_multicast or reached.is_unspecified:
        raise DriverRefused(f"{host} is at {address}, to which nobody can connect")
    if not reached.is_global and not allow_private:
        raise DriverRefused(
            f"{host} is at {address}, a loopback, link-local, private or reserved address, and "
            "only public ones are connected to. Ask the operator to allow private addresses "
            "(--allow-private-urls); an image can be imported as a file as well"
        )


def embedded(address: Address) -> Address:
    """Return the IPv4 address embedded in an IPv6 address, or else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address
