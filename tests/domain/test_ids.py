"""Ids: the same 128 bits in every form, in the order of time."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.domain import ids

BITS = st.integers(0, 2**128 - 1)
TIMES_MS = st.integers(0, 2**48 - 1)
RANDOM = st.integers(0, 2**80 - 1)
PREFIXES = st.sampled_from([ids.INSTANCE, ids.OPERATION, ids.SECURITY_GROUP])


@given(PREFIXES, BITS)
def test_an_id_is_its_bits_in_both_forms(prefix: str, bits: int) -> None:
    native = ids.native(prefix, bits)
    assert ids.bits_of(native) == bits
    assert uuid.UUID(ids.to_uuid(native)).int == bits
    assert ids.from_uuid(prefix, ids.to_uuid(native)) == native
    assert ids.from_uuid(prefix, ids.to_uuid(native).upper()) == native


@given(PREFIXES, BITS, BITS)
def test_texts_sort_as_their_bits_do(prefix: str, one: int, two: int) -> None:
    first, second = ids.native(prefix, one), ids.native(prefix, two)
    assert (first < second) == (one < two)
    assert (ids.to_uuid(first) < ids.to_uuid(second)) == (one < two)


@given(TIMES_MS, TIMES_MS, RANDOM, RANDOM)
def test_what_is_made_later_sorts_later(one_ms: int, two_ms: int, a: int, b: int) -> None:
    if one_ms != two_ms:
        assert (ids.compose(one_ms, a) < ids.compose(two_ms, b)) == (one_ms < two_ms)


@given(TIMES_MS, RANDOM)
def test_the_bits_are_a_uuid_of_version_seven(now_ms: int, random_80: int) -> None:
    made = uuid.UUID(int=ids.compose(now_ms, random_80))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == now_ms


@pytest.mark.parametrize(
    "text",
    [
        "", "inst", "inst-", "inst-short", "inst-" + "0" * 25, "inst-" + "0" * 27,
        "inst-" + "z" * 26, "inst-" + "u" * 26, "inst-" + "I" * 26, "inst-8" + "0" * 25,
        "inst-" + "é" * 26,
    ],
)  # fmt: skip
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an id"):
        ids.bits_of(text)


@given(st.text(max_size=40))
def test_any_text_is_an_id_or_a_value_error(text: str) -> None:
    try:
        bits = ids.bits_of(text)
    except ValueError:
        return
    assert 0 <= bits < 2**128
