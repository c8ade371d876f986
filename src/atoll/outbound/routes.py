"""Asks the kernel where packets to an address go. Used by `addresses.py`.

An address is this machine's own if its routing table says `local`: addresses of interfaces, and
routes of whole networks to the machine itself, which no list of interfaces contains.
"""

import socket
import struct

from atoll.outbound.special import Address

# From linux/netlink.h and linux/rtnetlink.h.
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
NLMSG_ERROR, NLM_F_REQUEST = 2, 1
RTN_LOCAL, RTN_BROADCAST, RTN_ANYCAST, RTN_MULTICAST = 2, 3, 4, 5
HERE = frozenset({RTN_LOCAL, RTN_BROADCAST, RTN_ANYCAST, RTN_MULTICAST})
RTA_DST = 1
HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, sender
ROUTE = struct.Struct("=8BI")  # family, lengths, …, type of the route, flags
ATTRIBUTE = struct.Struct("=HH")
KIND = 7  # the place of the type in ROUTE
ANSWER_BYTES = 1 << 16
TIMEOUT_S = 5.0


def stays_here(address: Address) -> bool:
    """Tell whether packets to an address stay on this machine or its links, as the routes are now.
    What has no route does not: the connection says so. Raises OSError."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    length = ATTRIBUTE.size + len(address.packed)
    body = (
        ROUTE.pack(family, address.max_prefixlen, 0, 0, 0, 0, 0, 0, 0)
        + ATTRIBUTE.pack(length, RTA_DST)
        + address.packed
    )
    head = HEADER.pack(HEADER.size + len(body), RTM_GETROUTE, NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.settimeout(TIMEOUT_S)
        kernel.sendto(head + body, (0, 0))
        answer = kernel.recv(ANSWER_BYTES)
    _, kind, *_ = HEADER.unpack_from(answer)
    if kind == NLMSG_ERROR:
        return False
    assert kind == RTM_NEWROUTE, "the kernel answers with a route or an error"
    return ROUTE.unpack_from(answer, HEADER.size)[KIND] in HERE
