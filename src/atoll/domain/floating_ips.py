"""A public address of a project, which can move between its instances."""

import msgspec


class FloatingIp(msgspec.Struct, frozen=True, kw_only=True):
    """`instance_id` is the instance to which the address is attached; `annotations` belong to a
    dialect."""

    id: str
    project_id: str
    name: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    address: str
    region: str
    instance_id: str | None = None
    version: int = 1
    created_at_ms: int
