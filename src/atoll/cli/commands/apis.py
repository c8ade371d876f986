"""`atoll registry …`: additional APIs that the registry offers to agents as tools."""

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
ApiName = Annotated[str, Parameter(help="Name of the API in the registry.")]

app = App(name="registry")


@app.command
def add(
    name: ApiName,
    document: Annotated[str, Parameter(help="OpenAPI document: a URL or a local file.")],
    /,
    *,
    base_url: Annotated[
        str, Parameter(help="Base URL of the API. Default: the server in the document.")
    ] = "",
    display_name: Annotated[
        str, Parameter(help="Display name. Default: the title of the document.")
    ] = "",
    category: Annotated[
        str, Parameter(help="Category, such as cloud, source code, payments.")
    ] = "",
    connection: Connection = NEAREST,
) -> None:
    """Add an OpenAPI document as tools, or as a new version of an existing API."""
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
    """List added APIs. The built-in APIs are not shown."""
    with connection.open() as session:
        session.show_page(COLUMNS, session.client.get(PATH))


@app.command
def show(name: ApiName, /, *, connection: Connection = NEAREST) -> None:
    """Show an added API."""
    with connection.open() as session:
        session.show(session.client.get(path_of(name)))


@app.command
def remove(name: ApiName, /, *, yes: Yes = False, connection: Connection = NEAREST) -> None:
    """Remove an API and all its versions from the registry."""
    with connection.open() as session:
        session.client.get(path_of(name))
        session.confirm(f"Remove {name} and all its versions from the registry?", yes=yes)
        answer = session.client.change("DELETE", path_of(name))
        session.done(answer, f"{name} removed")


def path_of(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"


def text_of(document: str) -> str:
    """Read the document, from this machine if it is a URL. Raises Usage."""
    try:
        if document.lower().startswith(("http://", "https://")):
            answer = httpx2.get(document, timeout=FETCH_TIMEOUT_S, follow_redirects=True)
            return answer.raise_for_status().text
        return Path(document).read_text()
    except (OSError, UnicodeDecodeError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Usage(f"cannot read the document {document}: {error}") from error
