"""`atoll events`: prints or follows events."""

from typing import Annotated

from cyclopts import Parameter

from atoll.cli.client import Json, Query
from atoll.cli.errors import Unreachable
from atoll.cli.moments import past_from
from atoll.cli.output import words
from atoll.cli.session import NEAREST, Connection, OfInstance, Session

PAUSE_S = 1.0
TRIES_MAX = 30


def events(
    *,
    follow: Annotated[
        bool, Parameter(name=("--follow", "-f"), negative=(), help="Keep printing new events.")
    ] = False,
    after: Annotated[
        str | None,
        Parameter(help="Start after the event with this id; `now` starts with the next event."),
    ] = None,
    instance: OfInstance = None,
    event: Annotated[
        tuple[str, ...],
        Parameter(
            name=("--event", "-e"),
            negative=(),
            help="Filter by kind, such as instance.ready or 'volume.*'; repeatable.",
        ),
    ] = (),
    since: Annotated[
        str | None, Parameter(help="Start at a time, or as long ago: 15m, 8h, 2d, 1w.")
    ] = None,
    connection: Connection = NEAREST,
) -> None:
    """Print events, one per line; with --json one JSON object per line."""
    with connection.open() as session:
        chosen = selection(session, instance, event, since)
        last = print_events(session, after, chosen, follow=follow)
        tries_left = TRIES_MAX
        while follow and tries_left:
            session.client.pause(PAUSE_S)
            try:
                last = print_events(session, last, chosen, follow=True)
                tries_left = TRIES_MAX
            except Unreachable:
                tries_left -= 1
                if not tries_left:
                    raise


def selection(
    session: Session, instance: str | None, kinds: tuple[str, ...], since: str | None
) -> Query:
    """Build the filters of the stream. A deleted instance is given by its id."""
    chosen: Query = {}
    if instance is not None:
        chosen["resource_id"] = session.client.find("/v1/instances", instance)["id"]
    if kinds:
        chosen["event"] = kinds
    if since is not None:
        chosen["since"] = past_from(since)
    return chosen


def print_events(session: Session, after: str | None, chosen: Query, *, follow: bool) -> str | None:
    """Print events, and return the id of the last one, to resume after a lost connection."""
    for event in session.client.events({**chosen, "after": after}, follow=follow):
        after = event["id"] or after
        if session.output.as_json:
            session.output.json_line(event)
        else:
            session.output.line(line_of(event))
    return after


def line_of(event: Json) -> str:
    data = event.get("data")
    details = f"  {words(data)}" if data else ""
    at = event.get("at", "")
    return f"{at}  {event['event']}  {event.get('resource_id', '')}{details}"
