"""Where: the unit of placement that a user chooses."""

import msgspec


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """One that is `served_by` another has no hosts of its own: that one's carry what is in it."""

    id: str
    description: str = ""
    served_by: str | None = None
    version: int = 1
