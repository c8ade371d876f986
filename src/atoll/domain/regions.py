"""Where: the unit of placement that a user chooses."""

import msgspec


class Region(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    description: str = ""
    version: int = 1
