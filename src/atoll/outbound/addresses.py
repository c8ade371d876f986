"""Which addresses a user may have this host connect to: for images, and for webhooks.

A URL comes from a user and is followed by the host: it must not reach what only the host can reach
(cloud metadata, the host's own services, its private networks), by whatever name or redirect.
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
    """The addresses of a host, by the system's resolver."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DriverUnavailable(f"the name {host} cannot be resolved: {error}") from error
    return [str(entry[4][0]) for entry in found]


async def choose_address(host: str, port: int, *, resolve: Resolve, allow_private: bool) -> str:
    """The address to connect to. One forbidden address among a host's refuses the host: which of
    them a later look-up would give is not ours to say."""
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
    """The IPv4 address that some IPv6 addresses stand for, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address
