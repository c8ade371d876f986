"""A named size."""

import msgspec

from atoll.domain.accelerators import Accelerators


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    accelerators: Accelerators | None = None
    description: str = ""
    version: int = 1
