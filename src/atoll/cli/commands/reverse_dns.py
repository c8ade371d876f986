"""`atoll reverse-dns …`: the names that DNS answers for public and floating addresses."""

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
Address = Annotated[str, Parameter(help="The address of an instance, or a floating IP.")]

app = App(name="reverse-dns")


@app.command(name="set")
def set_name(
    address: Address,
    name: Annotated[str, Parameter(help="A full host name: web.example.com.")],
    /,
    *,
    connection: Connection = NEAREST,
) -> None:
    """Give an address a name, instead of the one that it has."""
    path = path_of(address)
    with connection.open() as session:
        answer = session.client.change("PUT", path, {"name": name})
        session.done(answer, f"{answer['address']} is {answer['name']}")


@app.command(name="list")
def list_names(*, limit: Limit = None, connection: Connection = NEAREST) -> None:
    """List the addresses that have a name."""
    with connection.open() as session:
        session.show_list(PATH, COLUMNS, {}, limit=limit)


@app.command
def show(address: Address, /, *, connection: Connection = NEAREST) -> None:
    """Show the name of an address, and what has the address."""
    path = path_of(address)
    with connection.open() as session:
        session.show(session.client.get(path))


@app.command
def delete(address: Address, /, *, yes: Yes = False, connection: Connection = NEAREST) -> None:
    """Take the name of an address away. The address stays."""
    path = path_of(address)
    with connection.open() as session:
        name = session.client.get(path)["name"]
        session.confirm(f"Take the name {name} away from {address}?", yes=yes)
        answer = session.client.change("DELETE", path)
        session.done(answer, f"{address} has no name")


def path_of(address: str) -> str:
    """Raises Usage for what is not an address: here nothing is found by its name."""
    try:
        return f"{PATH}/{ipaddress.IPv4Address(address)}"
    except ValueError as error:
        raise Usage(
            f"{address!r} is not an IPv4 address: `atoll instance list` and "
            "`atoll floating-ip list` show yours"
        ) from error
