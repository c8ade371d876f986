"""`atoll registry …`: further APIs that the registry has as tools for software agents."""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import httpx2
from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.errors import Usage
from atoll.cli.output import Column
from atoll.cli.session import NEAREST, Connection, Yes

PATH = "/v1/apis"
FETCH_TIMEOUT_S = 60
COLUMNS = (
    Column("name", "metadata.name"),
    Column("display name", "spec.display_name"),
    Column("tools", "status.tools"),
    Column("category", "spec.category"),
    Column("base url", "spec.base_url"),
)
ApiName = Annotated[str, Parameter(help="What the API is called in the registry.")]

app = App(name="registry")


@app.command
def add(
    name: ApiName,
    document: Annotated[str, Parameter(help="An OpenAPI document: a URL, or a file here.")],
    /,
    *,
    base_url: Annotated[
        str, Parameter(help="Where the API is. Default: the document's own server.")
    ] = "",
    display_name: Annotated[str, Parameter(help="Default: the document's title.")] = "",
    category: Annotated[str, Parameter(help="Such as cloud, source code, payments.")] = "",
    connection: Connection = NEAREST,
) -> None:
    """Make an API's document tools; a newer document of an API that is there is a new version."""
    spec: Json = {
        "document": text_of(document), "base_url": base_url, "display_name": display_name,
        "category": category,
    }  # fmt: skip
    with connection.open() as session:
        answer = session.client.change("POST", PATH, {"metadata": {"name": name}, "spec": spec})
        newest = answer["status"]["versions"][-1]
        session.done(answer, f"{name} has {newest['tools']} tools, version {newest['number']}")


@app.command(name="list")
def list_apis(*, connection: Connection = NEAREST) -> None:
    """List the APIs that were added. Atoll's own are there anyway."""
    with connection.open() as session:
        session.show_page(COLUMNS, session.client.get(PATH))


@app.command
def show(name: ApiName, /, *, connection: Connection = NEAREST) -> None:
    """Show everything about an API that was added."""
    with connection.open() as session:
        session.show(session.client.get(path_of(name)))


@app.command
def remove(name: ApiName, /, *, yes: Yes = False, connection: Connection = NEAREST) -> None:
    """Take an API and its documents out of the registry."""
    with connection.open() as session:
        session.client.get(path_of(name))
        session.confirm(f"Take {name} out of the registry, in all its versions?", yes=yes)
        answer = session.client.change("DELETE", path_of(name))
        session.done(answer, f"{name} is no longer in the registry")


def path_of(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"


def text_of(document: str) -> str:
    """Fetched from here, as a browser would. Raises Usage."""
    try:
        if document.startswith(("http://", "https://")):
            answer = httpx2.get(document, timeout=FETCH_TIMEOUT_S, follow_redirects=True)
            return answer.raise_for_status().text
        return Path(document).read_text()
    except (OSError, UnicodeDecodeError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Usage(f"the document {document} cannot be read: {error}") from error
