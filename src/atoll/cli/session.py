"""The options that all commands share, and the session they open."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

from atoll.cli.client import Client, Json, Query
from atoll.cli.errors import Usage
from atoll.cli.names import INSTANCE, named_in, names_of, with_names
from atoll.cli.output import Column, Form, Output
from atoll.cli.settings import Surroundings, find_server

CONNECTION = Group("Connection", sort_key=100)

Reference = Annotated[str, Parameter(help="Name or id.")]
More = Annotated[str, Parameter(name="more", help="Further ones, by name or id.")]
Limit = Annotated[int | None, Parameter(help="Maximum number of results.")]
Named = Annotated[str | None, Parameter(name="--name", help="Filter by name.")]
Labelled = Annotated[
    list[str] | None,
    Parameter(name="--label", negative=(), help="Filter by label, as key=value."),
]
Labels = Annotated[
    list[str] | None,
    Parameter(name="--label", negative=(), help="Label, as key=value; repeatable."),
]
OfInstance = Annotated[
    str | None, Parameter(name="--instance", help="Filter by instance (name or id).")
]
DryRun = Annotated[
    bool,
    Parameter(name="--dry-run", negative=(), help="Show what would be done, without doing it."),
]
Yes = Annotated[bool, Parameter(name="--yes", negative=(), help="Skip the confirmation prompt.")]
IdempotencyKey = Annotated[
    str | None,
    Parameter(help="Repeated commands with the same key take effect once. Default: random."),
]


@dataclass
class Session:
    """The client and the output of one command."""

    client: Client
    output: Output
    surroundings: Surroundings

    def show(self, thing: Json) -> None:
        if self.output.as_json:
            self.output.json(thing)
        else:
            self.output.thing(with_names(self.client, thing))

    def show_list(
        self, path: str, columns: Sequence[Column], query: Query, *, limit: int | None = None
    ) -> None:
        self.show_page(columns, self.client.items(path, query, limit=limit))

    def show_joined(
        self, path: str, columns: Sequence[Column], query: Query, *, limit: int | None = None
    ) -> None:
        """Show a list of things of instances, with the names of these instead of their ids."""
        page = self.client.items(path, query, limit=limit)
        if not self.output.as_json and any(INSTANCE in str(one) for one in page["items"]):
            names = names_of(self.client, "/v1/instances")
            page = {**page, "items": [named_in(one, names) for one in page["items"]]}
        self.show_page(columns, page)

    def show_page(self, columns: Sequence[Column], page: Json) -> None:
        if self.output.as_json:
            self.output.json(page)
        else:
            self.output.table(columns, page["items"])

    def done(self, answer: Json, sentence: str) -> None:
        """Print the result of a change: the server's JSON, or one sentence."""
        if self.output.as_json:
            self.output.json(answer)
        else:
            self.output.line(sentence)

    def confirm(self, question: str, *, yes: bool, ask: Callable[[], str] = input) -> None:
        """Ask for confirmation. Raises Usage unless the answer is yes, or without a terminal."""
        server = self.client.server
        where = f" At {server}." if server.one_of_several else ""
        confirm(self.output, f"{question}{where}", yes=yes, ask=ask)


def confirm(output: Output, question: str, *, yes: bool, ask: Callable[[], str] = input) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Usage(f"{question} Confirm with --yes: stdin is not a terminal")
    print(f"{question} [y/N] ", end="", file=output.err, flush=True)
    if ask().strip().lower() not in {"y", "yes"}:
        raise Usage("cancelled; nothing was changed")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Connection:
    """The connection options of every command."""

    url: Annotated[
        str | None,
        Parameter(group=CONNECTION, help="URL of the server. Default: ATOLL_URL, the context."),
    ] = None
    api_key: Annotated[
        str | None,
        Parameter(group=CONNECTION, help="API key. Default: ATOLL_API_KEY, the context."),
    ] = None
    context: Annotated[
        str | None,
        Parameter(
            group=CONNECTION, help="Context to use. Default: ATOLL_CONTEXT, the current one."
        ),
    ] = None
    json: Annotated[
        bool, Parameter(group=CONNECTION, negative=(), help="The same as --output json.")
    ] = False
    form: Annotated[
        Form | None,
        Parameter(
            name=("--output", "-o"),
            group=CONNECTION,
            help="Form of the output: table, wide (all columns), json or yaml. Default: table.",
        ),
    ] = None

    @contextmanager
    def open(self) -> Iterator[Session]:
        surroundings = Surroundings.of_this_process()
        server = find_server(surroundings, url=self.url, api_key=self.api_key, context=self.context)
        client = Client(server)
        if self.json and self.form not in {None, "json"}:
            raise Usage("use either --json or --output")
        output = Output(
            as_json=self.json, form=self.form or "table", out=sys.stdout, err=sys.stderr
        )
        if server.one_of_several and sys.stderr.isatty():
            output.note(f"at {server}")
        try:
            yield Session(client=client, output=output, surroundings=surroundings)
        finally:
            client.close()


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Pace:
    """Whether, and how long, a command waits for its operation."""

    wait: Annotated[
        bool, Parameter(negative="--no-wait", help="Wait until the operation ends.")
    ] = True
    timeout_s: Annotated[
        float,
        Parameter(name="--timeout", help="Maximum seconds to wait; then exit with 5."),
    ] = 1800.0


NEAREST = Connection()
PATIENT = Pace()


def listed(name: str | None, labels: list[str] | None) -> Query:
    """Build the filters that all lists accept."""
    for label in labels or ():
        if "=" not in label:
            raise Usage(f"invalid --label {label}: use key=value")
    return {"name": name, "label": tuple(labels or ())}


def of_instance(client: Client, instance: str | None) -> Query:
    """Build the filter by instance."""
    return {} if instance is None else {"instance_id": client.find("/v1/instances", instance)["id"]}


def once_each(things: Iterable[Json]) -> list[Json]:
    """Leave out what was named before: by its id, too, or twice."""
    return list({thing["id"]: thing for thing in things}.values())


def labels_from(pairs: Sequence[str]) -> dict[str, str]:
    """Parse labels from `key=value` words."""
    labels: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Usage(f"invalid label {pair!r}: use key=value")
        labels[key] = value
    return labels
