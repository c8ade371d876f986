"""The table, and what a row of it is. No figure is asserted: the bars are printed beside them."""

import msgspec
from rich.console import Console
from rich.table import Table

NONE = "-"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """`unit` is that of all figures. Higher is better, except where `lower_is_better`."""

    what: str
    unit: str
    atoll: float | None
    asgi: float | None = None
    sqlite: float | None = None
    moto: float | None = None
    other: float | None = None
    other_name: str = ""
    lower_is_better: bool = False
    bar: str = ""
    met: bool | None = None
    note: str = ""


def ratio(row: Row, reference: float | None) -> float | None:
    """How many times the reference, so that more is better for rates and less for times."""
    if row.atoll is None or not reference:
        return None
    return row.atoll / reference


def number(value: float | None) -> str:
    if value is None:
        return NONE
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def times(value: float | None) -> str:
    return NONE if value is None else f"{number(value)} x"


def verdict(row: Row) -> str:
    if row.met is None:
        return row.bar
    colour, word = ("green", "met") if row.met else ("red", "NOT met")
    return f"{row.bar}: [{colour}]{word}[/{colour}]"


def show(rows: list[Row], console: Console) -> None:
    table = Table(title="Atoll beside its floors and moto (medians of interleaved rounds)")
    for heading in ("what", "unit", "atoll", "÷ ASGI", "÷ SQLite", "÷ moto", "÷ other", "bar"):
        table.add_column(heading, justify="left" if heading in {"what", "bar"} else "right")
    for row in rows:
        other = times(ratio(row, row.other))
        table.add_row(
            row.what, row.unit, number(row.atoll), times(ratio(row, row.asgi)),
            times(ratio(row, row.sqlite)), times(ratio(row, row.moto)),
            f"{other} {row.other_name}" if row.other_name else NONE, verdict(row),
        )  # fmt: skip
    console.print(table)
    for row in rows:
        figures = (("ASGI", row.asgi), ("SQLite", row.sqlite), ("moto", row.moto),
                   (row.other_name, row.other))  # fmt: skip
        said = ", ".join(f"{name} {number(value)}" for name, value in figures if value is not None)
        console.print(f"{row.what}: {said or 'alone'}. {row.note}".rstrip(), style="dim")
