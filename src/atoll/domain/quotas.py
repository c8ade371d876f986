"""Amounts of resources that a project uses, and its limits."""

import msgspec

from atoll.domain.errors import QuotaExceeded
from atoll.domain.reasons import Reason

RESOURCES = (
    "instances", "vcpus", "memory_mib", "disk_gib", "volumes", "snapshots", "floating_ips",
)  # fmt: skip


WORDS = {"memory_mib": "MiB of memory", "disk_gib": "GiB of disk", "floating_ips": "floating IPs"}


class Amounts(msgspec.Struct, frozen=True, kw_only=True):
    """Root volumes and other volumes both count as `disk_gib`."""

    instances: int = 0
    vcpus: int = 0
    memory_mib: int = 0
    disk_gib: int = 0
    volumes: int = 0
    snapshots: int = 0
    floating_ips: int = 0

    def minus(self, other: "Amounts") -> "Amounts":
        return Amounts(**{name: getattr(self, name) - getattr(other, name) for name in RESOURCES})


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """`limits` contains only limited resources."""

    project_id: str
    used: Amounts = Amounts()
    limits: dict[str, int] = {}


def require_within(quota: Quota, more: Amounts) -> None:
    """Raise QuotaExceeded for the first resource that would exceed its limit."""
    for name, limit in quota.limits.items():
        wanted, used = getattr(more, name), getattr(quota.used, name)
        if wanted > 0 and used + wanted > limit:
            raise QuotaExceeded(
                Reason.QUOTA, limit=limit, resource=WORDS.get(name, name), used=used, more=wanted
            )
