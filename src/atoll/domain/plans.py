"""A named size of instances."""

import msgspec

from atoll.domain.accelerators import Accelerators


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`bare_metal` affects only how a vendor's dialect presents instances of the plan."""

    id: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    accelerators: Accelerators | None = None
    description: str = ""
    bare_metal: bool = False
    version: int = 1
