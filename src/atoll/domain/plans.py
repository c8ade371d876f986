"""A named size."""

import msgspec


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    description: str = ""
    version: int = 1
