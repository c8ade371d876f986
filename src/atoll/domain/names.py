"""Names of resources: their length, and names derived from one that is taken."""

from collections.abc import Iterator

NAME_MAX = 253
NUMBER_MIN, NUMBER_MAX = 2, 9


def numbered(name: str) -> Iterator[str]:
    """Yield web-2 to web-9 for web: names that a person would choose."""
    for number in range(NUMBER_MIN, NUMBER_MAX + 1):
        yield with_suffix(name, str(number))


def with_suffix(name: str, suffix: str) -> str:
    """Append a suffix, within the maximum length."""
    return f"{name[: NAME_MAX - len(suffix) - 1]}-{suffix}"
