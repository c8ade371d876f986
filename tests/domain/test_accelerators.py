"""Kinds and places of devices, and which serve a wish."""

import pytest

from atoll.domain.accelerators import (
    Accelerators,
    Device,
    address_of,
    chosen,
    is_kind,
    require_accelerators,
)
from atoll.domain.errors import Invalid

HELD = [Device(kind=kind, address=f"0000:0{n}:00.0") for n, kind in enumerate("aba")]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0000:65:00.0", "0000:65:00.0"),
        ("65:00.0", "0000:65:00.0"),
        ("0001:B3:1F.7", "0001:b3:1f.7"),
        ("65:00", None),
        ("65:00.8", None),
        ("65:20.0", None),
        ("65:00.0,x-vga=on", None),
        ("", None),
    ],
)
def test_a_place_on_the_bus_is_written_in_one_way(text: str, address: str | None) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize("kind", ["", "NVIDIA", "a,b", "-a", "a-", "a" * 64, "a b"])
def test_a_kind_is_a_plain_word(kind: str) -> None:
    assert not is_kind(kind)
    with pytest.raises(Invalid) as told:
        require_accelerators(Accelerators(kind=kind))
    assert told.value.field == "accelerators.kind"


@pytest.mark.parametrize("count", [0, 17])
def test_their_number_has_bounds(count: int) -> None:
    with pytest.raises(Invalid, match="must be 1 to 16"):
        require_accelerators(Accelerators(kind="nvidia-rtx-3090", count=count))


def test_the_first_of_a_kind_serve_a_wish() -> None:
    assert chosen(HELD, Accelerators(kind="a", count=1)) == (HELD[0],)
    assert chosen(HELD, Accelerators(kind="a", count=3)) == (HELD[0], HELD[2])
    assert chosen(HELD, None) == ()
