"""Output of a command: JSON, tables and fields on stdout; notes and progress on stderr.

Control characters are removed from text of the server or a guest, so that no name or log line can
control the terminal.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import Any, Literal, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from atoll.cli.layout import Column, aligned, facts_of, pick, table_rows

CONTROL_CHARACTERS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
Form = Literal["table", "wide", "json", "yaml"]
__all__ = ["Column", "Form", "Output", "Show", "clean", "flatten", "pick", "words"]
Show = Callable[[str, float | None], None]


class Output:
    """With `as_json`, `out` receives the server's JSON and nothing else; in the form `yaml`, the
    same as YAML. `wide` keeps all columns of a table."""

    def __init__(
        self, *, as_json: bool = False, form: Form = "table", out: TextIO, err: TextIO
    ) -> None:
        self.as_json = as_json or form in {"json", "yaml"}
        self.form = form
        self.out = out
        self.err = err

    def json(self, value: Any) -> None:
        if self.form == "yaml":
            print(yaml_of(value), end="", file=self.out, flush=True)
        else:
            print(json.dumps(value, indent=2, ensure_ascii=False), file=self.out, flush=True)

    def json_line(self, value: Any) -> None:
        if self.form == "yaml":
            print(f"---\n{yaml_of(value)}", end="", file=self.out, flush=True)
        else:
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
        """On a terminal, the columns that do not fit are left out, unless all are wanted."""
        width = None
        if self.out.isatty() and self.form != "wide":
            width = shutil.get_terminal_size().columns
        rows = [[column.cell(thing, words) for column in columns] for thing in things]
        head, *body = table_rows([column.title for column in columns], rows, width)
        print(self._bold(head), *body, sep="\n", file=self.out, flush=True)

    def fields(self, thing: Any) -> None:
        """Print values under their names, one per line."""
        self._aligned([(path, words(value)) for path, value in flatten(thing)])

    def thing(self, thing: Any) -> None:
        """Print a resource of the API: the names of its fields in words, sizes with units."""
        self._aligned(facts_of(thing, words))

    def _aligned(self, pairs: Sequence[tuple[str, str]]) -> None:
        for line in aligned(pairs):
            print(line, file=self.out)
        self.out.flush()

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self.out.isatty() else text

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


def yaml_of(value: Any) -> str:
    """Loaded by name: few commands need it."""
    dump: Callable[..., str] = resolve_name("yaml:safe_dump")
    return dump(value, sort_keys=False, allow_unicode=True)


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
