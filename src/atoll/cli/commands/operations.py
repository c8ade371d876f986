"""`atoll operation …`: the server's operations and their results."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Client, Json, Query
from atoll.cli.output import Column, pick
from atoll.cli.session import NEAREST, PATIENT, Connection, Limit, Pace, Session
from atoll.cli.waiting import (
    ENDED,
    describe,
    require_success,
    wait_for_operation,
    wait_until_ended,
)

COLUMNS = (
    Column("id", "id"),
    Column("kind", "kind"),
    Column("resource", "resource_id"),
    Column("status", "status"),
    Column("percent", "progress.percent"),
    Column("step", "progress.name"),
    Column("waits for", "waiting_for"),
    Column("created", "created_at"),
)
WATCH_PAUSE_S = 1.0
CANCELLED = "CANCELLED"
LIVE: tuple[str, ...] = ("pending", "running")

OperationId = Annotated[str, Parameter(name="operation", help="Operation id, op-….")]

app = App(name="operation")


@app.command(name="list")
def list_operations(
    *,
    state: Annotated[
        list[str] | None,
        Parameter(
            negative=(), help="Filter by state: pending, running, completed or failed; repeatable."
        ),
    ] = None,
    resource: Annotated[str | None, Parameter(help="Filter by the id of a resource.")] = None,
    limit: Limit = 100,
    connection: Connection = NEAREST,
) -> None:
    """List operations, newest first."""
    query: Query = {"state": tuple(state or ()), "resource_id": resource, "order": "desc"}
    with connection.open() as session:
        session.show_joined("/v1/operations", COLUMNS, query, limit=limit)


@app.command
def show(operation_id: OperationId, /, *, connection: Connection = NEAREST) -> None:
    """Show an operation with its steps."""
    with connection.open() as session:
        session.show(session.client.get(f"/v1/operations/{operation_id}"))


@app.command
def wait(
    operation_id: OperationId,
    /,
    *,
    timeout_s: Annotated[
        float, Parameter(name="--timeout", help="Maximum seconds to wait.")
    ] = 1800.0,
    connection: Connection = NEAREST,
) -> None:
    """Wait until an operation ends. Exits with 4 if it failed, 5 on timeout."""
    with connection.open() as session:
        operation = wait_for_operation(session, operation_id, timeout_s=timeout_s)
        session.done(operation, f"{operation['kind']} of {operation['resource_id']} completed")


@app.command
def watch(
    operation_id: Annotated[
        str | None,
        Parameter(name="operation", help="Operation to watch until it ends. Default: all."),
    ] = None,
    /,
    *,
    connection: Connection = NEAREST,
) -> None:
    """Watch operations: print a line for each step."""
    with connection.open() as session:
        seen: dict[str, str] = {}
        while True:
            operations = current(session.client, operation_id, seen)
            print_changes(session, operations, seen)
            if operation_id and operations[0]["status"] in ENDED:
                require_success(operations[0])
                return
            session.client.pause(WATCH_PAUSE_S)


@app.command
def cancel(
    operation_id: OperationId, /, *, pace: Pace = PATIENT, connection: Connection = NEAREST
) -> None:
    """Cancel an operation and roll it back."""
    with connection.open() as session:
        answer = session.client.change("POST", f"/v1/operations/{operation_id}/cancel")
        if not pace.wait:
            session.done(answer, f"cancellation of {operation_id} requested")
            return
        operation = wait_until_ended(session, operation_id, timeout_s=pace.timeout_s)
        if pick(operation, "result.code") == CANCELLED:
            session.done(operation, f"{operation_id} cancelled")
            return
        require_success(operation)
        session.done(operation, f"{operation_id} completed before it could be cancelled")


@app.command
def retry(
    operation_id: OperationId, /, *, pace: Pace = PATIENT, connection: Connection = NEAREST
) -> None:
    """Retry a failed operation."""
    with connection.open() as session:
        answer = session.client.change("POST", f"/v1/operations/{operation_id}/retry")
        if not pace.wait:
            session.done(answer, f"retry of {operation_id} accepted")
            return
        again = str(answer.get("operation_id") or operation_id)
        operation = wait_for_operation(session, again, timeout_s=pace.timeout_s)
        session.done(operation, f"{again} completed")


def current(client: Client, operation_id: str | None, seen: dict[str, str]) -> list[Json]:
    """Get the one operation, or all live ones and those that were live before."""
    if operation_id is not None:
        return [client.get(f"/v1/operations/{operation_id}")]
    live: list[Json] = client.items("/v1/operations", {"state": LIVE})["items"]
    ids = {operation["id"] for operation in live}
    gone = [client.get(f"/v1/operations/{one}") for one in seen if one not in ids]
    return gone + live


def print_changes(session: Session, operations: list[Json], seen: dict[str, str]) -> None:
    """Print a line for each operation that changed, and update `seen`."""
    for operation in operations:
        line = line_of(operation)
        if seen.get(operation["id"]) != line:
            seen[operation["id"]] = line
            if session.output.as_json:
                session.output.json_line(operation)
            else:
                session.output.line(line)
        if operation["status"] in ENDED:
            del seen[operation["id"]]


def line_of(operation: Json) -> str:
    percent = pick(operation, "progress.percent")
    how_far = "" if percent is None else f"  {percent:.0f} %"
    reason = pick(operation, "result.error")
    return (
        f"{operation['id']}  {operation['status']}{how_far}  "
        f"{operation['resource_id']}  {reason or describe(operation)}"
    )
