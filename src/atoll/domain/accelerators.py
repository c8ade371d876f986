"""Devices of a host that an instance has for itself alone: a whole graphics card, mostly.

A plan asks for so many of a kind; a host says which it has, and where they are on its PCI bus.
"""

import re
from collections.abc import Sequence

import msgspec

from atoll.domain.errors import Invalid
from atoll.domain.reasons import Reason

KIND = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
ADDRESS = re.compile(r"([0-9a-f]{4}:)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7]")
FIRST_DOMAIN = "0000:"
COUNT_MIN, COUNT_MAX = 1, 16


class Accelerators(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: `count` devices of one kind."""

    kind: str
    count: int = 1


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device of a host. `address` is its place on the PCI bus, as `0000:65:00.0`."""

    kind: str
    address: str


def is_kind(text: str) -> bool:
    return KIND.fullmatch(text) is not None


def address_of(text: str) -> str | None:
    """The address in its whole form; `lspci` leaves the first domain out. None where it is none."""
    lower = text.lower()
    if ADDRESS.fullmatch(lower) is None:
        return None
    return lower if lower.count(":") > 1 else FIRST_DOMAIN + lower


def require_accelerators(wanted: Accelerators | None) -> None:
    """Raises Invalid."""
    if wanted is None:
        return
    if not is_kind(wanted.kind):
        raise Invalid(Reason.ACCELERATOR_KIND, field="accelerators.kind", value=wanted.kind[:80])
    if not COUNT_MIN <= wanted.count <= COUNT_MAX:
        raise Invalid(
            Reason.OUT_OF_RANGE, field="accelerators.count", value=wanted.count,
            lowest=COUNT_MIN, highest=COUNT_MAX,
        )  # fmt: skip


def chosen(held: Sequence[Device], wanted: Accelerators | None) -> tuple[Device, ...]:
    """Those of what is held that serve the wish: the first ones. May be too few."""
    if wanted is None:
        return ()
    return tuple([device for device in held if device.kind == wanted.kind][: wanted.count])
