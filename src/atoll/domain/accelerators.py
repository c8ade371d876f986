"""Devices of a host that an instance uses exclusively, such as a whole graphics card.

A plan requires a number of devices of a kind. A host says which devices it has, and their addresses
on its PCI bus.
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
    """A requirement: `count` devices of one kind."""

    kind: str
    count: int = 1


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device of a host. `address` is its address on the PCI bus, such as `0000:65:00.0`."""

    kind: str
    address: str


def is_kind(text: str) -> bool:
    return KIND.fullmatch(text) is not None


def address_of(text: str) -> str | None:
    """Return the address in its full form, or None if it is not valid; `lspci` omits the first
    domain."""
    lower = text.lower()
    if ADDRESS.fullmatch(lower) is None:
        return None
    return lower if lower.count(":") > 1 else FIRST_DOMAIN + lower


def require_accelerators(wanted: Accelerators | None) -> None:
    """Check the accelerators of a plan. Raises Invalid."""
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
    """Choose the first held devices that match the requirement. There may be too few."""
    if wanted is None:
        return ()
    return tuple([device for device in held if device.kind == wanted.kind][: wanted.count])
