"""`atoll region …`: where an instance can be."""

from cyclopts import App

from atoll.cli.output import Column
from atoll.cli.session import NEAREST, Connection, Limit, Named, listed

COLUMNS = (
    Column("name", "metadata.name"),
    Column("description", "spec.description"),
    Column("id", "id"),
)

app = App(name="region")


@app.command(name="list")
def list_regions(
    *, name: Named = None, limit: Limit = None, connection: Connection = NEAREST
) -> None:
    """List the regions."""
    with connection.open() as session:
        session.show_list("/v1/regions", COLUMNS, listed(name, None), limit=limit)
