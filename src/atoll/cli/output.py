"""Output of a command: JSON, tables and fields on stdout; notes and progress on stderr.

Control characters are removed from text of the server or a guest, so that no name or log line can
control the terminal.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

CONTROL_CHARACTERS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
PIPE_WIDTH = 10_000
Show = Callable[[str, float | None], None]


@dataclass(frozen=True)
class Column:
    """`path` selects a value of a JSON object, such as `status.state`; lists apply it per item."""

    title: str
    path: str


class Output:
    """With `as_json`, `out` receives the server's JSON and nothing else."""

    def __init__(self, *, as_json: bool, out: TextIO, err: TextIO) -> None:
        self.as_json = as_json
        self.out = out
        self.err = err
        self._console = Console(
            file=out, width=None if out.isatty() else PIPE_WIDTH, highlight=False, soft_wrap=False
        )

    def json(self, value: Any) -> None:
        print(json.dumps(value, indent=2, ensure_ascii=False), file=self.out, flush=True)

    def json_line(self, value: Any) -> None:
        print(json.dumps(value, ensure_ascii=False), file=self.out, flush=True)

    def line(self, text: str = "") -> None:
        print(clean(text), file=self.out, flush=True)

    def raw(self, text: str) -> None:
        """Print a part of a longer text, without a line break."""
        self.out.write(clean(text))
        self.out.flush()

    def note(self, sentence: str) -> None:
        print(clean(sentence), file=self.err, flush=True)

    def table(self, columns: Sequence[Column], things: Sequence[Any]) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(column.title.upper(), no_wrap=not self.out.isatty(), overflow="fold")
        for thing in things:
            table.add_row(*(Text(words(pick(thing, column.path))) for column in columns))
        self._console.print(table)

    def fields(self, thing: Any) -> None:
        """Print all values of one resource, one per line."""
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for path, value in flatten(thing):
            table.add_row(Text(path), Text(words(value)))
        self._console.print(table)

    @contextmanager
    def progress(self) -> Iterator[Show]:
        """Draw a progress bar if stderr is a terminal."""
        if not self.err.isatty():
            yield lambda _text, _percent: None
            return
        bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[shown_percent]}", markup=False),
            TimeElapsedColumn(),
            console=Console(file=self.err),
            transient=True,
        )
        with bar:
            task = bar.add_task("", total=None, shown_percent="")

            def show(text: str, percent: float | None) -> None:
                shown = "" if percent is None else f"{percent:.0f} %"
                total = None if percent is None else 100.0
                bar.update(
                    task,
                    description=clean(text),
                    total=total,
                    completed=percent or 0.0,
                    shown_percent=shown,
                )

            yield show


def pick(thing: Any, path: str) -> Any:
    for name in path.split("."):
        if isinstance(thing, list):
            thing = [pick(one, name) for one in thing]
        else:
            thing = thing.get(name) if isinstance(thing, dict) else None
    return thing


def words(value: Any) -> str:
    """Format a value for a table cell."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}={words(one)}" for key, one in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(words(one) for one in value) or "-"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return clean(str(value))


def flatten(thing: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield paths and values; lists of objects are numbered, labels stay on one line."""
    dotted = f"{path}." if path else ""
    if isinstance(thing, dict) and thing and not path.endswith("labels"):
        for name, value in thing.items():
            yield from flatten(value, f"{dotted}{name}")
    elif isinstance(thing, list) and any(isinstance(one, dict) for one in thing):
        for number, value in enumerate(thing, 1):
            yield from flatten(value, f"{dotted}{number}")
    else:
        yield path, thing


def clean(text: str) -> str:
    return CONTROL_CHARACTERS.sub("", text)
