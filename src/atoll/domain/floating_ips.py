"""A public address of a project, which can move between its instances."""

import msgspec


class FloatingIp(msgspec.Struct, frozen=True, kw_only=True):
    """`instance_id` is the instance to which the address is attached; `annotations` belong to a
    dialect. `requested_name` is the name as a dialect with repeatable names gave it, if another
    address had that name."""

    id: str
    project_id: str
    name: str
    requested_name: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    address: str
    region: str
    instance_id: str | None = None
    version: int = 1
    created_at_ms: int

    @property
    def given_name(self) -> str:
        """The name that dialects with repeatable names show."""
        return self.name if self.requested_name is None else self.requested_name

    @property
    def held_name(self) -> str | None:
        """The name that no other floating IP of the project can have meanwhile."""
        return self.name or None
