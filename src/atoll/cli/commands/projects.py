"""`atoll project …`: projects own resources. For admins."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.nouns import Noun
from atoll.cli.output import Column
from atoll.cli.session import NEAREST, Connection

COLUMNS = (
    Column("name", "metadata.name"),
    Column("created", "metadata.created_at"),
    Column("id", "id"),
)

app = App(name="project")
PROJECTS = Noun(app=app, one="a project", path="/v1/projects", columns=COLUMNS)
PROJECTS.add_list("List projects.", labels=False)
PROJECTS.add_show("Show a project.")
PROJECTS.add_delete("Delete an empty project.")


@app.command
def create(
    name: Annotated[str, Parameter(help="Name of the project.")],
    /,
    *,
    connection: Connection = NEAREST,
) -> None:
    """Create a project. Create an API key for it with `atoll apikey create`."""
    with connection.open() as session:
        body: Json = {"metadata": {"name": name}}
        answer = session.client.change("POST", PROJECTS.path, body)
        key = f"create an API key for it with `atoll apikey create KEY --project {name}`"
        session.done(answer, f"{name} created: {answer['id']}; {key}")
