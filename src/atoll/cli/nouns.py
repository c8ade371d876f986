"""A noun of the command line, and the commands that all nouns share.

Each file in `commands/` describes its noun once and adds list, show, rename, label and delete from
here. Everything specific to a noun stays in its own file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Client, Json, Query
from atoll.cli.errors import ServerRefused, Usage
from atoll.cli.output import Column, words
from atoll.cli.proposals import follow
from atoll.cli.session import (
    NEAREST,
    PATIENT,
    Connection,
    Labelled,
    Limit,
    More,
    Named,
    OfInstance,
    Pace,
    Reference,
    Session,
    Yes,
    labels_from,
    listed,
    of_instance,
    once_each,
)

CHANGED_MEANWHILE = 412
TRIES_MAX = 3
LabelChanges = Annotated[
    list[str], Parameter(help="key=value sets a label, key- removes it; repeatable.")
]


@dataclass(frozen=True, kw_only=True)
class Noun:
    """`one` is the noun with its article: `a volume`. `find_by` replaces the lookup by name or id,
    for example to accept an address as well."""

    app: App
    one: str
    path: str
    columns: tuple[Column, ...] = ()
    known_by: str = "name or id"
    find_by: Callable[[Client, str], Json] | None = None

    @property
    def name(self) -> str:
        return self.one.partition(" ")[2]

    def find(self, client: Client, reference: str) -> Json:
        if self.find_by is not None:
            return self.find_by(client, reference)
        return client.find(self.path, reference)

    def edit(self, client: Client, reference: str, change: Callable[[Json], Json | None]) -> Json:
        """Patch a resource with the body that `change` returns for it; None means no change.

        If another client changed the resource since it was read, read it again and retry, so that
        no concurrent change is lost.
        """
        for tries_left in reversed(range(TRIES_MAX)):
            found = self.find(client, reference)
            body = change(found)
            if body is None:
                return found
            try:
                version = found["metadata"].get("version")
                return client.change("PATCH", f"{self.path}/{found['id']}", body, if_match=version)
            except ServerRefused as refused:
                if refused.status != CHANGED_MEANWHILE or not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    def add_list(self, help: str, *, labels: bool = True, by_instance: bool = False) -> None:
        """Add `list`, with the filters that the API offers for this noun."""

        def by_name(
            *, name: Named = None, limit: Limit = None, connection: Connection = NEAREST
        ) -> None:
            with connection.open() as session:
                self._print_list(session, listed(name, None), limit)

        def by_name_and_label(
            *,
            name: Named = None,
            label: Labelled = None,
            limit: Limit = None,
            connection: Connection = NEAREST,
        ) -> None:
            with connection.open() as session:
                self._print_list(session, listed(name, label), limit)

        def by_instance_too(
            *,
            name: Named = None,
            label: Labelled = None,
            instance: OfInstance = None,
            limit: Limit = None,
            connection: Connection = NEAREST,
        ) -> None:
            with connection.open() as session:
                query = {**listed(name, label), **of_instance(session.client, instance)}
                self._print_list(session, query, limit)

        if by_instance:
            self._add("list", by_instance_too, help)
        else:
            self._add("list", by_name_and_label if labels else by_name, help)

    def add_show(self, help: str) -> None:
        def show(thing: Reference, /, *, connection: Connection = NEAREST) -> None:
            with connection.open() as session:
                found = self.find(session.client, thing)
                # Some fields are in a single resource only, such as a generated password.
                session.show(session.client.get(f"{self.path}/{found['id']}"))

        self._add("show", show, help)

    def add_rename(self, help: str = "") -> None:
        def rename(thing: Reference, new_name: str, /, *, connection: Connection = NEAREST) -> None:
            with connection.open() as session:
                found = self.find(session.client, thing)
                body: Json = {"metadata": {"name": new_name}}
                answer = session.client.change("PATCH", f"{self.path}/{found['id']}", body)
                session.done(answer, f"{thing} renamed to {new_name}")

        self._add("rename", rename, help or f"Rename {self.one}.")

    def add_label(self) -> None:
        def label(
            thing: Reference, changes: LabelChanges, /, *, connection: Connection = NEAREST
        ) -> None:
            with connection.open() as session:
                self._change_labels(session, thing, changes)

        help = f"Set or remove labels of {self.one}."
        self._add("label", label, help)

    def add_delete(self, help: str, *, loss: str = "", waits: bool = False) -> None:
        """Add `delete`. `loss` names what is lost as well; `waits` if it takes an operation."""

        def at_once(
            thing: Reference, /, *more: More, yes: Yes = False, connection: Connection = NEAREST
        ) -> None:
            with connection.open() as session:
                for found in self._confirmed(session, (thing, *more), loss, yes=yes):
                    answer = session.client.change("DELETE", f"{self.path}/{found['id']}")
                    session.done(answer, f"{found['metadata']['name']} deleted")

        def waited_for(
            thing: Reference,
            /,
            *more: More,
            yes: Yes = False,
            pace: Pace = PATIENT,
            connection: Connection = NEAREST,
        ) -> None:
            with connection.open() as session:
                every = self._confirmed(session, (thing, *more), loss, yes=yes)
                paths = [f"{self.path}/{found['id']}" for found in every]
                answers = [session.client.change("DELETE", path) for path in paths]
                for found, answer in zip(every, answers, strict=True):
                    name = found["metadata"]["name"]
                    follow(session, answer, pace=pace, sentence=f"{name} deleted")

        self._add("delete", waited_for if waits else at_once, help)

    def _add(self, verb: str, command: Callable[..., None], help: str) -> None:
        """Register a command. The help shows its argument under the noun's name, such as VOLUME."""
        if "thing" in command.__annotations__:
            shown = Parameter(name=self.app.name[0].upper(), help=f"Its {self.known_by}.")
            command.__annotations__["thing"] = Annotated[str, shown]
        self.app.command(command, name=verb, help=help)

    def _print_list(self, session: Session, query: Query, limit: int | None) -> None:
        session.show_joined(self.path, self.columns, query, limit=limit)

    def _confirmed(
        self, session: Session, references: Sequence[str], loss: str, *, yes: bool
    ) -> list[Json]:
        """Find all resources and ask for confirmation once. Raises Usage if the answer is no."""
        every = once_each(self.find(session.client, reference) for reference in references)
        named = [f"{found['metadata']['name']} ({found['id']})" for found in every]
        things = f"the {self.name} {named[0]}"
        if len(named) > 1:
            things = f"{len(named)} {self.name}s: {', '.join(named)}"
        session.confirm(f"Delete {things}{f' and {loss}' if loss else ''}?", yes=yes)
        return every

    def _change_labels(self, session: Session, reference: str, changes: Sequence[str]) -> None:
        removed = [one[:-1] for one in changes if one.endswith("-") and "=" not in one]
        added = labels_from([one for one in changes if "=" in one or not one.endswith("-")])
        labels: dict[str, str] = {}

        def with_labels(found: Json) -> Json:
            labels.clear()
            labels.update({**found["metadata"].get("labels", {}), **added})
            missing = [key for key in removed if labels.pop(key, None) is None]
            if missing:
                raise Usage(f"{reference} has no label {missing[0]!r}")
            return {"metadata": {"labels": labels}}

        answer = self.edit(session.client, reference, with_labels)
        session.done(answer, f"labels of {reference}: {words(labels)}")
