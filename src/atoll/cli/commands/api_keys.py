"""`atoll apikey …`: the keys of the API. For admins."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from cyclopts import App, Parameter

from atoll.cli.client import NATIVE_ID, Client, Json
from atoll.cli.errors import ServerRefused
from atoll.cli.nouns import Noun
from atoll.cli.output import Column
from atoll.cli.session import NEAREST, Connection

PATH = "/v1/api-keys"
COLUMNS = (
    Column("name", "metadata.name"),
    Column("role", "spec.role"),
    Column("limits", "spec.limit_class"),
    Column("expires", "spec.expires_at"),
    Column("created", "metadata.created_at"),
    Column("id", "id"),
)
Role = Literal["viewer", "member", "agent", "operator", "admin"]
LimitClass = Literal["standard", "default", "unlimited"]


def find(client: Client, reference: str) -> Json:
    """Find a key in the list: the API has no request for a single key."""
    if not NATIVE_ID.match(reference):
        return client.find(PATH, reference)
    for key in client.items(PATH)["items"]:
        if key["id"] == reference:
            return dict(key)
    raise ServerRefused(f"no API key {reference}; list them with `atoll apikey list`", status=404)


app = App(name="apikey")
API_KEYS = Noun(app=app, one="an API key", path=PATH, columns=COLUMNS, find_by=find)
API_KEYS.add_list("List API keys, without their secrets.", labels=False)
API_KEYS.add_delete("Delete (revoke) an API key. Takes effect immediately.")


@app.command
def create(
    name: Annotated[str, Parameter(help="Name of the key.")],
    /,
    *,
    role: Annotated[Role, Parameter(help="Role of the key.")] = "member",
    limit_class: Annotated[
        LimitClass | None, Parameter(help="Rate limit class of the key.")
    ] = None,
    project: Annotated[
        str | None, Parameter(help="Project of the key (name or id). Default: your project.")
    ] = None,
    expires_in_days: Annotated[
        int | None, Parameter(help="Days until the key expires. Default: never.")
    ] = None,
    connection: Connection = NEAREST,
) -> None:
    """Create an API key. The key is printed once, alone on stdout."""
    spec: Json = {"role": role}
    if project is not None:
        spec["project"] = project
    if limit_class is not None:
        spec["limit_class"] = limit_class
    if expires_in_days is not None:
        expires_at = datetime.now(UTC) + timedelta(days=expires_in_days)
        spec["expires_at"] = expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    with connection.open() as session:
        body: Json = {"metadata": {"name": name}, "spec": spec}
        answer = session.client.change("POST", PATH, body)
        if session.output.as_json:
            session.output.json(answer)
            return
        session.output.note(
            f"{name} ({answer['id']}), {role}. Save the key: it is shown only once."
        )
        session.output.line(answer["status"]["key"])
