"""What every command is given: the options that name a server, and the session opened from them."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

from atoll.cli.client import Client, Json, Query
from atoll.cli.errors import Usage
from atoll.cli.output import Column, Output
from atoll.cli.settings import Surroundings, find_server

CONNECTION = Group("Connection", sort_key=100)

Reference = Annotated[str, Parameter(help="Its name or id.")]
Limit = Annotated[int | None, Parameter(help="Show at most this many.")]
Named = Annotated[str | None, Parameter(name="--name", help="Only those of this name.")]
Labelled = Annotated[
    list[str] | None,
    Parameter(name="--label", negative=(), help="Only those with this label, as key=value."),
]
Labels = Annotated[
    list[str] | None,
    Parameter(name="--label", negative=(), help="A label, as key=value; repeatable."),
]
OfInstance = Annotated[
    str | None, Parameter(name="--instance", help="Only those of this instance: its name or id.")
]
DryRun = Annotated[
    bool,
    Parameter(name="--dry-run", negative=(), help="Show the plan, and do nothing."),
]
Yes = Annotated[bool, Parameter(name="--yes", negative=(), help="Do not ask.")]
IdempotencyKey = Annotated[
    str | None,
    Parameter(help="Repeating a command with the same key does it once. Default: a fresh one."),
]


@dataclass
class Session:
    """A client and an output, for the length of one command."""

    client: Client
    output: Output
    surroundings: Surroundings

    def show(self, thing: Json) -> None:
        if self.output.as_json:
            self.output.json(thing)
        else:
            self.output.fields(thing)

    def show_list(
        self, path: str, columns: Sequence[Column], query: Query, *, limit: int | None = None
    ) -> None:
        self.show_page(columns, self.client.items(path, query, limit=limit))

    def show_page(self, columns: Sequence[Column], page: Json) -> None:
        if self.output.as_json:
            self.output.json(page)
        else:
            self.output.table(columns, page["items"])

    def done(self, answer: Json, sentence: str) -> None:
        """The end of a mutation: the server's JSON, or one sentence."""
        if self.output.as_json:
            self.output.json(answer)
        else:
            self.output.line(sentence)

    def confirm(self, question: str, *, yes: bool, ask: Callable[[], str] = input) -> None:
        """Raises Usage unless the answer is yes. Without a terminal nobody can be asked."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise Usage(f"{question} Say so with --yes: there is no terminal to ask on")
        print(f"{question} [y/N] ", end="", file=self.output.err, flush=True)
        if ask().strip().lower() not in {"y", "yes"}:
            raise Usage("nothing was done")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Connection:
    """The options that every command has."""

    url: Annotated[
        str | None, Parameter(group=CONNECTION, help="The server. Default: ATOLL_URL, cli.json.")
    ] = None
    api_key: Annotated[
        str | None, Parameter(group=CONNECTION, help="The key. Default: ATOLL_API_KEY, cli.json.")
    ] = None
    json: Annotated[
        bool, Parameter(group=CONNECTION, negative=(), help="Print the server's JSON, no tables.")
    ] = False

    @contextmanager
    def open(self) -> Iterator[Session]:
        surroundings = Surroundings.of_this_process()
        server = find_server(surroundings, url=self.url, api_key=self.api_key)
        client = Client(server)
        output = Output(as_json=self.json, out=sys.stdout, err=sys.stderr)
        try:
            yield Session(client=client, output=output, surroundings=surroundings)
        finally:
            client.close()


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long a command stays with the operation that it starts."""

    wait: Annotated[
        bool, Parameter(negative="--no-wait", help="Wait until the operation has ended.")
    ] = True
    timeout_s: Annotated[
        float,
        Parameter(name="--timeout", help="How many seconds to wait; then the exit code is 5."),
    ] = 1800.0


NEAREST = Connection()
PATIENT = Pace()


def listed(name: str | None, labels: list[str] | None) -> Query:
    """The filters that every list takes."""
    for label in labels or ():
        if "=" not in label:
            raise Usage(f"--label {label}: write it as key=value")
    return {"name": name, "label": tuple(labels or ())}


def of_instance(client: Client, instance: str | None) -> Query:
    """The filter of a list whose things may belong to an instance."""
    return {} if instance is None else {"instance_id": client.find("/v1/instances", instance)["id"]}


def labels_from(pairs: Sequence[str]) -> dict[str, str]:
    """`key=value` words as labels."""
    labels: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Usage(f"the label {pair!r} has no value: write it as key=value")
        labels[key] = value
    return labels
