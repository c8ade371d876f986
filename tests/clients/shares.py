"""What reports of vendors' documents have in common: which fields an answer has, and shares."""

from typing import Any


def fields_in(value: Any, at: str = "") -> set[str]:
    """Every field that an answer has, as `instance.main_ip`, through lists."""
    found: set[str] = set()
    if isinstance(value, list):
        for inner in value:
            found |= fields_in(inner, at)
    elif isinstance(value, dict):
        for key, inner in value.items():
            path = f"{at}.{key}" if at else key
            found |= {path} | fields_in(inner, path)
    return found


def share(every: list[bool]) -> str:
    return f"{sum(every)} of {len(every)}, {100 * sum(every) / len(every):.0f} %"
