"""`atoll reverse-dns …`: the DNS names of public addresses and floating IPs."""

import ipaddress
from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.errors import Usage
from atoll.cli.output import Column
from atoll.cli.session import NEAREST, Connection, Limit, Yes

PATH = "/v1/reverse-dns"
COLUMNS = (
    Column("address", "address"),
    Column("name", "name"),
    Column("holder", "holder_id"),
)
Address = Annotated[str, Parameter(help="Address of an instance, or a floating IP.")]

app = App(name="reverse-dns")


@app.command(name="set")
def set_name(
    address: Address,
    name: Annotated[str, Parameter(help="Fully qualified host name, such as web.example.com.")],
    /,
    *,
    connection: Connection = NEAREST,
) -> None:
    """Set the name of an address."""
    path = path_of(address)
    with connection.open() as session:
        answer = session.client.change("PUT", path, {"name": name})
        session.done(answer, f"{answer['address']} is now {answer['name']}")


@app.command(name="list")
def list_names(*, limit: Limit = None, connection: Connection = NEAREST) -> None:
    """List addresses that have a name."""
    with connection.open() as session:
        session.show_list(PATH, COLUMNS, {}, limit=limit)


@app.command
def show(address: Address, /, *, connection: Connection = NEAREST) -> None:
    """Show the name of an address and its holder."""
    path = path_of(address)
    with connection.open() as session:
        session.show(session.client.get(path))


@app.command
def delete(address: Address, /, *, yes: Yes = False, connection: Connection = NEAREST) -> None:
    """Delete the name of an address."""
    path = path_of(address)
    with connection.open() as session:
        name = session.client.get(path)["name"]
        session.confirm(f"Delete the name {name} of {address}?", yes=yes)
        answer = session.client.change("DELETE", path)
        session.done(answer, f"name of {address} deleted")


def path_of(address: str) -> str:
    """Build the path of an address. Raises Usage if it is not an IPv4 address."""
    try:
        return f"{PATH}/{ipaddress.IPv4Address(address)}"
    except ValueError as error:
        raise Usage(
            f"{address!r} is not an IPv4 address; list yours with `atoll instance list` "
            "and `atoll floating-ip list`"
        ) from error
