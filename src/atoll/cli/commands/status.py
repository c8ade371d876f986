"""`atoll status`: an overview of the server, its hosts, instances and operations."""

from collections import Counter

from atoll.cli.client import Client, Json
from atoll.cli.commands.hosts import COLUMNS as HOST_COLUMNS
from atoll.cli.commands.operations import COLUMNS as OPERATION_COLUMNS
from atoll.cli.commands.operations import LIVE
from atoll.cli.errors import ServerRefused
from atoll.cli.output import pick
from atoll.cli.session import NEAREST, Connection, Session

COUNTED_MAX = 10_000
RUNNING_MAX = 20
FORBIDDEN = 403


def status(*, connection: Connection = NEAREST) -> None:
    """Show the server, its hosts, the number of instances and the running operations."""
    with connection.open() as session:
        client = session.client
        instances = client.items("/v1/instances", limit=COUNTED_MAX)
        seen: Json = {
            "url": client.server.url,
            "key_from": client.server.origin,
            "version": pick(client.get("/openapi.json"), "info.version"),
            "hosts": hosts_of(client),
            "instances": count_by_state(instances["items"]),
            "instances_counted_all": instances["next"] is None,
            "operations": client.items("/v1/operations", {"state": LIVE}, limit=RUNNING_MAX)[
                "items"
            ],
        }
        if session.output.as_json:
            session.output.json(seen)
        else:
            print_status(session, seen)


def hosts_of(client: Client) -> list[Json] | None:
    """List the hosts; None if this key has no access to them."""
    try:
        hosts: list[Json] = client.items("/v1/hosts")["items"]
    except ServerRefused as refused:
        if refused.status == FORBIDDEN:
            return None
        raise
    return hosts


def count_by_state(instances: list[Json]) -> dict[str, int]:
    return dict(Counter(pick(instance, "status.state") or "unknown" for instance in instances))


def print_status(session: Session, seen: Json) -> None:
    output = session.output
    counts = ", ".join(f"{count} {state}" for state, count in sorted(seen["instances"].items()))
    more = "" if seen["instances_counted_all"] else f" (the first {COUNTED_MAX})"
    output.fields(
        {
            "server": seen["url"],
            "version": seen["version"],
            "key": seen["key_from"],
            "instances": (counts or "none") + more,
        }
    )
    output.line()
    if seen["hosts"] is None:
        output.line("hosts: no access with this API key")
    else:
        output.table(HOST_COLUMNS, seen["hosts"])
    output.line()
    if seen["operations"]:
        output.table(OPERATION_COLUMNS, seen["operations"])
    else:
        output.line("no running operations")
