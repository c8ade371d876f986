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


def table(served: dict[str, list[bool]], fields: dict[str, list[bool]]) -> list[str]:
    """By family: how many operations are answered, and how many fields those answers have."""
    rows = [
        f"| {family} | {sum(served[family])} of {len(served[family])} "
        f"| {sum(fields[family])} of {len(fields[family])} |"
        for family in sorted(served)
    ]
    operations = [one for family in served.values() for one in family]
    every = [one for family in fields.values() for one in family]
    total = f"| **all** | **{share(operations)}** | **{share(every)}** |"
    return ["| family | operations | response fields |", "|---|---|---|", *rows, total]


def share(every: list[bool]) -> str:
    return f"{sum(every)} of {len(every)}, {100 * sum(every) / len(every):.0f} %"
