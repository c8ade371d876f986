"""Formats a value as text for a model, within a budget: shortens texts and counts long lists.

A value that does not fit is shortened step by step; the result is always valid JSON.
"""

from typing import Any

import msgspec

from ocp_agent.redaction import redacted, redacted_text

# Number of items, characters of a text, depth: each step shows less.
STEPS = ((100, 2_000, 12), (30, 500, 10), (10, 200, 8), (5, 100, 6), (3, 60, 4), (1, 40, 2))


def brief_of(value: Any, characters: int, *, redact: bool) -> str:
    if isinstance(value, str):
        text = redacted_text(value) if redact else value
        return text if len(text) <= characters else cut(text, characters)
    if redact:
        value = redacted(value)
    text = msgspec.json.encode(value).decode()
    for items, letters, depth in STEPS:
        if len(text) <= characters:
            return text
        text = msgspec.json.encode(shortened(value, items, letters, depth)).decode()
    return text if len(text) <= characters else cut(text, characters)


def shortened(value: Any, items: int, letters: int, depth: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= letters else cut(value, letters)
    if isinstance(value, list):
        if depth == 0:
            return f"… {len(value)} items"
        shown = [shortened(one, items, letters, depth - 1) for one in value[:items]]
        return shown if len(value) <= items else [*shown, f"… {len(value) - items} more"]
    if isinstance(value, dict):
        if depth == 0:
            return f"… {len(value)} fields"
        return {key: shortened(one, items, letters, depth - 1) for key, one in value.items()}
    return value


def cut(text: str, characters: int) -> str:
    rest = f"… {len(text) - characters} more characters"
    return text[: max(characters - len(rest), 0)] + rest
