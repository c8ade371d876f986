"""`atoll type …`: the sizes that an instance can have."""

from cyclopts import App

from atoll.cli.output import Column
from atoll.cli.session import NEAREST, Connection, Limit, Named, listed

COLUMNS = (
    Column("name", "metadata.name"),
    Column("vcpus", "spec.vcpus"),
    Column("memory mb", "spec.memory_mb"),
    Column("disk gb", "spec.disk_gb"),
    Column("description", "spec.description"),
    Column("id", "id"),
)

app = App(name="type")


@app.command(name="list")
def list_types(
    *, name: Named = None, limit: Limit = None, connection: Connection = NEAREST
) -> None:
    """List the instance types."""
    with connection.open() as session:
        session.show_list("/v1/types", COLUMNS, listed(name, None), limit=limit)
