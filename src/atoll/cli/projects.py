"""`atoll project …`: the owners of things. For admins."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.output import Column
from atoll.cli.session import NEAREST, Connection, Limit, Named, listed

COLUMNS = (
    Column("name", "metadata.name"),
    Column("created", "metadata.created_at"),
    Column("id", "id"),
)

app = App(name="project")


@app.command
def create(
    name: Annotated[str, Parameter(help="The project's name.")],
    /,
    *,
    connection: Connection = NEAREST,
) -> None:
    """Create a project. It is entered with a key of its own."""
    with connection.open() as session:
        body: Json = {"metadata": {"name": name}}
        answer = session.client.change("POST", "/v1/projects", body)
        key = f"make a key for it with `atoll apikey create KEY --project {name}`"
        session.done(answer, f"{name} is created: {answer['id']}; {key}")


@app.command(name="list")
def list_projects(
    *, name: Named = None, limit: Limit = None, connection: Connection = NEAREST
) -> None:
    """List the projects."""
    with connection.open() as session:
        session.show_list("/v1/projects", COLUMNS, listed(name, None), limit=limit)
