"""`atoll events`: prints or follows events."""

from typing import Annotated

from cyclopts import Parameter

from atoll.cli.client import Json
from atoll.cli.errors import Unreachable
from atoll.cli.output import words
from atoll.cli.session import NEAREST, Connection, Session

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
    connection: Connection = NEAREST,
) -> None:
    """Print events, one per line; with --json one JSON object per line."""
    with connection.open() as session:
        last = print_events(session, after, follow=follow)
        tries_left = TRIES_MAX
        while follow and tries_left:
            session.client.pause(PAUSE_S)
            try:
                last = print_events(session, last, follow=True)
                tries_left = TRIES_MAX
            except Unreachable:
                tries_left -= 1
                if not tries_left:
                    raise


def print_events(session: Session, after: str | None, *, follow: bool) -> str | None:
    """Print events, and return the id of the last one, to resume after a lost connection."""
    for event in session.client.events({"after": after}, follow=follow):
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
