"""Alternatives of alternatives double with each level; no document makes a check go on without
end."""

import time
from typing import Any

import pytest

from ocp_agent import branches
from tests.ocp_agent.support import TEXT, Json, calling, fields, posting, reference, refused

NUMBER: Json = {"type": "integer"}
TAG = {"anyOf": [reference("Text"), NUMBER, reference("Text")]}
TAGS = posting(fields(tags={"type": "array", "items": TAG}), Text=TEXT)
LEVELS = 40
SOON_S = 5.0


def chain(keyword: str, levels: int = LEVELS) -> dict[str, Json]:
    """Each definition leads to the next one twice."""
    steps = {
        f"d{level}": {keyword: [reference(f"d{level + 1}"), reference(f"d{level + 1}")]}
        for level in range(levels)
    }
    return {**steps, f"d{levels}": fields("name", name=TEXT)}


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf", "allOf"])
def test_a_chain_of_alternatives_is_refused_soon_and_says_what_helps(keyword: str) -> None:
    said = posting(fields(first=reference("d0")), **chain(keyword))
    started = time.monotonic()
    errors = refused(said, {"first": {"name": 1}})
    assert "call the tool without a check" in errors["arguments"]
    assert time.monotonic() - started < SOON_S
    sent = calling(said, {"first": {"name": 1}}, check=False)
    assert sent["body"] == {"first": {"name": 1}}


def test_a_short_chain_is_checked() -> None:
    said = posting(fields(first=reference("d0")), **chain("anyOf", 4))
    assert refused(said, {"first": {"name": "a"}}) == {}
    assert list(refused(said, {"first": {"name": 1}})) == ["first"]


def test_a_deep_value_of_a_circular_alternative_is_refused_soon() -> None:
    inner = fields("inner", inner=reference("Node"))
    said = posting(fields(node=reference("Node")), Node={"anyOf": [inner, inner]})
    value: dict[str, Any] = {}
    for _ in range(LEVELS):
        value = {"inner": value}
    started = time.monotonic()
    assert "arguments" in refused(said, {"node": value})
    assert time.monotonic() - started < SOON_S
    assert list(refused(said, {"node": {"inner": {}}})) == ["node"]


@pytest.mark.parametrize("wrong", [False, True])
def test_a_large_value_of_many_alternatives_is_checked(wrong: bool) -> None:
    size = reference("Size")
    kinds = [fields("kind", kind={"enum": [f"k{n}"]}, size=size) for n in range(20)]
    said = posting(fields(parts={"type": "array", "items": {"oneOf": kinds}}), Size=NUMBER)
    parts: list[Json] = [{"kind": f"k{n % 20}", "size": 1} for n in range(2000)]
    if wrong:
        parts[7] = {"kind": "k7", "size": "x"}
    assert list(refused(said, {"parts": parts})) == (["parts[7]"] if wrong else [])


def test_the_same_value_many_times_is_no_alternative() -> None:
    assert refused(TAGS, {"tags": ["a"] * 30_000}) == {}


def test_a_long_chain_of_references_is_followed() -> None:
    steps = {f"d{level}": {"allOf": [reference(f"d{level + 1}")]} for level in range(400)}
    said = posting(fields(first=reference("d0")), **steps, d400=TEXT)
    assert refused(said, {"first": "a"}) == {}


def test_what_takes_too_long_to_count_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branches, "THINGS_MOST", 100)
    assert list(refused(TAGS, {"tags": ["a"] * 300})) == ["arguments"]
