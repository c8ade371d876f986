"""Address ranges that are not of the public internet. Used by `addresses.py`.

From the registries of IANA as of 2026: "IPv4 Special-Purpose Address Space", "IPv6 Special-Purpose
Address Space" and "Internet Protocol Version 6 Address Space". Python's `is_global` is as old as
the Python: 3.11 takes 192.0.0.192, fec0::/10 and 3fff::/20 for public.
"""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Two ranges are refused as a whole although the registries call parts of them globally reachable:
# 192.0.0.0/24 and 2001::/23 are for protocols, and their anycast addresses are the nearest router.
NOT_PUBLIC_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by the customers of a provider
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local: the metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocols: 192.0.0.192 is the metadata of Oracle's cloud
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4, retired
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# IANA assigns public IPv6 addresses from here alone, which leaves out ::a.b.c.d, 64:ff9b:1::/48,
# 100::/64, 5f00::/16, fc00::/7, fe80::/10, fec0::/10, ff00::/8, and what is reserved.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
NOT_PUBLIC_V6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocols: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, retired: leads to the IPv4 address in it
        "3fff::/20",  # documentation
    )
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def embedded(address: Address) -> Address:
    """Return the IPv4 address to which an IPv6 address leads, or else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


def is_public(address: Address) -> bool:
    """Tell whether the registries call an address globally reachable."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_V4)
    if address.ipv4_mapped or address in NAT64:
        return is_public(embedded(address))
    return address in GLOBAL_UNICAST and not any(address in network for network in NOT_PUBLIC_V6)
