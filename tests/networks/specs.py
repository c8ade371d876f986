"""Guests and NICs for tests of networks."""

from typing import Any

from atoll.domain.security_groups import Protocol, Rule
from atoll.messages import GuestSpec, NicSpec, SeedSpec

SUBNET = "10.1.0.0/16"


def nic_of(number: int = 9, *rules: Rule, **fields: Any) -> NicSpec:
    """The `number`th address of the subnet, and a MAC to it."""
    given = {
        "mac": f"52:54:00:00:00:{number:02x}",
        "private_ip": f"10.1.0.{number}",
        "subnet_cidr": SUBNET,
        "network": "vpc-1",
        "rules": rules,
    }
    return NicSpec(**(given | fields))


def guest_of(*nics: NicSpec, name: str = "inst-1", **seed: Any) -> GuestSpec:
    return GuestSpec(
        id=name,
        name=name,
        vcpus=1,
        memory_mib=128,
        root_volume_id=f"vol-{name}",
        image_id="img-1",
        nic=nics[0],
        nics=nics[1:],
        seed=SeedSpec(**({"hostname": name} | seed)),
    )


def tcp(port: int, port_max: int | None = None, cidr: str = "0.0.0.0/0", **fields: Any) -> Rule:
    return Rule(protocol=Protocol.TCP, port=port, port_max=port_max, cidr=cidr, **fields)
