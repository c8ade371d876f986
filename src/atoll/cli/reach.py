"""Whether this machine can reach the address of an instance.

A loopback address leads to the machine that uses it. That of an instance is one of the server's
machine: anywhere else, the same address is the caller's own machine.
"""

import ipaddress
import socket
from urllib.parse import urlsplit

from atoll.cli.errors import Usage

ANY_PORT = 9


def require_reachable(server_url: str, name: str, address: str) -> None:
    """Raises Usage if the address leads to another machine than that of the instance."""
    if not leads_astray(server_url, address):
        return
    server = urlsplit(server_url).hostname
    raise Usage(
        f"{name} has the loopback address {address}, which only the machine of the server "
        f"({server}) can reach; here it would lead to your own machine. Run the command on "
        f"{server}, or use `atoll instance console {name}`, which works from everywhere"
    )


def leads_astray(server_url: str, address: str) -> bool:
    return is_loopback_address(address) and not is_here(server_url)


def is_loopback_address(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def is_here(url: str) -> bool:
    """Whether all addresses of the server belong to this machine. If in doubt, they do not."""
    parts = urlsplit(url)
    try:
        found = socket.getaddrinfo(parts.hostname, ANY_PORT, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return False
    return all(is_own(family, address[0]) for family, _, _, _, address in found)


def is_own(family: int, address: int | str) -> bool:
    """Packets to an own address have it as their source, too. Nothing is sent to find out."""
    if is_loopback_address(str(address)):
        return True
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, ANY_PORT))
            return bool(probe.getsockname()[0] == address)
    except OSError:
        return False
