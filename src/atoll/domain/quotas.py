"""Amounts of resources that a project uses, and its limits."""

import msgspec

from atoll.domain.errors import QuotaExceeded
from atoll.domain.reasons import Reason

RESOURCES = (
    "instances", "vcpus", "memory_mib", "disk_gib", "volumes", "snapshots", "floating_ips",
    "images", "startup_scripts", "ssh_keys", "security_groups", "vpcs", "subnets",
)  # fmt: skip
# The limits of what costs little, where a project has none of its own.
DEFAULTS = {
    "images": 500, "startup_scripts": 500, "ssh_keys": 5_000, "security_groups": 2_000,
    "vpcs": 2_000, "subnets": 4_000,
}  # fmt: skip
WORDS = {
    "memory_mib": "MiB of memory", "disk_gib": "GiB of disk", "floating_ips": "floating IPs",
    "startup_scripts": "startup scripts", "ssh_keys": "ssh keys",
    "security_groups": "security groups", "vpcs": "VPCs",
}  # fmt: skip


class Amounts(msgspec.Struct, frozen=True, kw_only=True):
    """Root volumes, other volumes and images count as `disk_gib`."""

    instances: int = 0
    vcpus: int = 0
    memory_mib: int = 0
    disk_gib: int = 0
    volumes: int = 0
    snapshots: int = 0
    floating_ips: int = 0
    images: int = 0
    startup_scripts: int = 0
    ssh_keys: int = 0
    security_groups: int = 0
    vpcs: int = 0
    subnets: int = 0

    def subtract(self, other: "Amounts") -> "Amounts":
        return Amounts(**{name: getattr(self, name) - getattr(other, name) for name in RESOURCES})


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """`limits` contains only limited resources."""

    project_id: str
    used: Amounts = Amounts()
    limits: dict[str, int] = {}


def require_within(quota: Quota, more: Amounts) -> None:
    """Raise QuotaExceeded for the first resource that would exceed its limit."""
    for name, limit in (DEFAULTS | quota.limits).items():
        wanted, used = getattr(more, name), getattr(quota.used, name)
        if wanted > 0 and used + wanted > limit:
            raise QuotaExceeded(
                Reason.QUOTA, limit=limit, resource=WORDS.get(name, name), used=used, more=wanted
            )
