"""Lays out tables and single resources as lines of text. Pure: it knows no terminal and no server.

Tables are never folded within a cell, so that addresses and ids can be copied: what does not fit
is dropped, the last column first.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len

GAP = "  "
COLUMNS_MIN = 2
KIB = 1024
PREFIXES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
SIZE_NAME = re.compile(r"(\w+)_(mb|gb|bytes)(_used)?")
UNITS = {"mb": KIB**2, "gb": KIB**3, "bytes": 1}
PARTS = ("metadata", "spec", "status")
HIDDEN = frozenset({"metadata.version"})
# The fields by which a condition of a resource is recognised.
CONDITION = frozenset({"type", "status", "at"})


@dataclass(frozen=True)
class Column:
    """`path` selects a value of a JSON object, such as `status.state`; lists apply it per item.
    `of` computes the cell from the whole object instead."""

    title: str
    path: str
    of: Callable[[Any], Any] | None = None

    def cell(self, thing: Any, said: Callable[[Any], str]) -> str:
        value = pick(thing, self.path) if self.of is None else self.of(thing)
        return " ".join(said(value).splitlines())


def pick(thing: Any, path: str) -> Any:
    for name in path.split("."):
        if isinstance(thing, list):
            thing = [pick(one, name) for one in thing]
        else:
            thing = thing.get(name) if isinstance(thing, dict) else None
    return thing


def size(count: Any, unit: int = 1) -> str | None:
    """Format a size in binary units: `226 MiB`."""
    if not isinstance(count, int | float):
        return None
    amount = float(count) * unit
    prefixes = iter(PREFIXES)
    prefix = next(prefixes)
    while abs(amount) >= KIB and prefix != PREFIXES[-1]:
        amount /= KIB
        prefix = next(prefixes)
    return f"{amount:.1f}".removesuffix(".0") + f" {prefix}"


def size_at(path: str, unit: int = 1) -> Callable[[Any], str | None]:
    """The `of` of a column with a size."""
    return lambda thing: size(pick(thing, path), unit)


def table_rows(
    titles: Sequence[str], rows: Sequence[Sequence[str]], width: int | None
) -> Iterator[str]:
    """Yield the lines of a table, the titles first. None: as wide as it is."""
    every = [[title.upper() for title in titles], *rows]
    widths = [max(cell_len(row[place]) for row in every) for place in range(len(titles))]
    shown = len(widths)
    while width is not None and shown > COLUMNS_MIN and needed(widths[:shown]) > width:
        shown -= 1
    for row in every:
        cells = [padded(cell, wide) for cell, wide in zip(row[:shown], widths, strict=False)]
        yield GAP.join(cells).rstrip()


def needed(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def aligned(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield names and values in two columns; further lines of a value below its first one."""
    wide = max((cell_len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        first, *more = value.splitlines() or [""]
        yield f"{padded(name, wide)}{GAP}{first}".rstrip()
        yield from (" " * wide + GAP + line for line in more)


def facts_of(thing: Any, said: Callable[[Any], str]) -> list[tuple[str, str]]:
    """The facts of a resource in readable names and units, without what is empty. An empty name
    separates its parts."""
    if not isinstance(thing, dict):
        return []
    facts = [("id", said(thing["id"]))] if "id" in thing else []
    parts = [part for part in PARTS if isinstance(thing.get(part), dict)]
    for part in parts:
        facts += part_of(part, thing[part], said)
    rest = {name: value for name, value in thing.items() if name not in {"id", *parts}}
    return facts + list(readable(rest, said))


def part_of(part: str, fields: dict[str, Any], said: Callable[[Any], str]) -> list[tuple[str, str]]:
    kept = {name: value for name, value in fields.items() if f"{part}.{name}" not in HIDDEN}
    facts = list(readable(kept, said))
    # The name belongs to the id; what was wished and what is are parts of their own.
    return facts if part == "metadata" or not facts else [("", ""), *facts]


def readable(
    fields: dict[str, Any], said: Callable[[Any], str], before: str = ""
) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        title = f"{before}{name}".replace("_", " ")
        if is_empty(value):
            continue
        sized = SIZE_NAME.fullmatch(name)
        if sized and isinstance(value, int | float):
            named = f"{before}{sized[1]}{sized[3] or ''}".replace("_", " ")
            yield named, size(value, UNITS[sized[2]]) or ""
        elif isinstance(value, dict) and name != "labels" and not is_flat(value):
            yield from readable(value, said, f"{title} ")
        elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
            yield title, "\n".join(in_one_line(one, said) for one in value)
        else:
            yield title, said(value)


def is_flat(value: dict[str, Any]) -> bool:
    return all(not isinstance(one, dict | list) for one in value.values())


def in_one_line(value: Any, said: Callable[[Any], str]) -> str:
    if not isinstance(value, dict):
        return said(value)
    if value.keys() >= CONDITION:
        rest = (said(part) for name, part in value.items() if name != "type" and not is_empty(part))
        return f"{value['type']}: {', '.join(rest)}"
    return ", ".join(f"{name}={shown}" for name, shown in readable(value, said))


def is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)
