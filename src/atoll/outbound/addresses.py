"""The addresses to which this host connects for users: for images, and for webhooks.

The host follows a URL given by a user, which must not reach what only the host can reach (cloud
metadata, services of the host, its private networks), by any name or redirect (SSRF protection).
Its own public addresses are forbidden, too: from them it would reach what firewalls hide.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.outbound.routes import stays_here
from atoll.outbound.special import Address, embedded, is_public

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

ADVICE = (
    "Ask the operator to allow private addresses (--allow-private-urls); an image can be imported "
    "as a file as well"
)


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
    if allow_private:
        return
    if not is_public(address):
        raise DriverRefused(
            f"{host} is at {address}, a loopback, link-local, private or reserved address, and "
            f"only public ones are connected to. {ADVICE}"
        )
    require_elsewhere(host, address, reached)


def require_elsewhere(host: str, address: Address, reached: Address) -> None:
    """Refuse this machine's own public addresses: its services, and its firewall, trust it."""
    try:
        here = stays_here(reached)
    except OSError as error:
        # Nothing says that it is elsewhere.
        raise DriverUnavailable(f"{host} is at {address}: {error.strerror}") from error
    if here:
        raise DriverRefused(
            f"{host} is at {address}, an address of this host itself, and only other machines are "
            f"connected to. {ADVICE}"
        )
