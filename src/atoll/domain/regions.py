"""The unit of placement that a user chooses."""

import msgspec


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """A region that is `served_by` another one has no hosts: the hosts of that region run its
    instances."""

    id: str
    description: str = ""
    served_by: str | None = None
    version: int = 1
