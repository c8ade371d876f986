"""`atoll apikey …`: the keys of the API. For admins."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from cyclopts import App, Parameter

from atoll.cli.client import NATIVE_ID, Client, Json, Query
from atoll.cli.errors import ServerRefused, Usage
from atoll.cli.nouns import Noun
from atoll.cli.output import Column
from atoll.cli.session import NEAREST, Connection, Limit, Named, Yes

PATH = "/v1/api-keys"
COLUMNS = (
    Column("name", "metadata.name"),
    Column("role", "spec.role"),
    Column("limits", "spec.limit_class"),
    Column("expires", "spec.expires_at"),
    Column("created", "metadata.created_at"),
    Column("id", "id"),
)
NAMESAKES_MAX = 10
Role = Literal["viewer", "member", "agent", "operator", "admin"]
LimitClass = Literal["standard", "default", "unlimited"]


OfProject = Annotated[
    str | None, Parameter(help="Project of the keys (name or id). Default: your project.")
]


def find(client: Client, reference: str) -> Json:
    """Find a key by id in any project, or by name: first in this project, then in all. Raises
    ServerRefused unless exactly one matches."""
    if NATIVE_ID.match(reference):
        return client.get(f"{PATH}/{reference}")
    scopes: tuple[Query, ...] = ({}, {"all_projects": True})
    for scope in scopes:
        found = client.items(PATH, {"name": reference, **scope}, limit=NAMESAKES_MAX)["items"]
        if len(found) == 1:
            return dict(found[0])
        if found:
            projects = names_of_projects(client)
            ids = ", ".join(f"{one['id']} ({project_of(one, projects)})" for one in found)
            raise ServerRefused(
                f"{len(found)} API keys are named {reference!r}; use an id instead: {ids}"
            )
    raise ServerRefused(
        f"no API key named {reference!r}; list them with `atoll apikey list --all`", status=404
    )


def names_of_projects(client: Client) -> dict[str, str]:
    items = client.items("/v1/projects")["items"]
    return {one["id"]: one["metadata"]["name"] for one in items}


def project_of(key: Json, projects: dict[str, str]) -> str:
    project_id: str = key["spec"]["project_id"]
    return projects.get(project_id, project_id)


app = App(name="apikey")
API_KEYS = Noun(app=app, one="an API key", path=PATH, columns=COLUMNS, find_by=find)
API_KEYS.add_show("Show an API key, without its secret.")


@app.command(name="list")
def list_keys(
    *,
    name: Named = None,
    project: OfProject = None,
    every: Annotated[
        bool, Parameter(name="--all", negative=(), help="List the keys of all projects.")
    ] = False,
    limit: Limit = None,
    connection: Connection = NEAREST,
) -> None:
    """List API keys, without their secrets."""
    if every and project is not None:
        raise Usage("use either --project or --all")
    query: Query = {"name": name, "project": project, "all_projects": every or None}
    with connection.open() as session:
        page = session.client.items(PATH, query, limit=limit)
        if session.output.as_json:
            session.output.json(page)
            return
        projects = names_of_projects(session.client)
        rows = [{**one, "project": project_of(one, projects)} for one in page["items"]]
        columns = (COLUMNS[0], Column("project", "project"), *COLUMNS[1:])
        session.output.table(columns, rows)


@app.command
def delete(
    key: Annotated[str, Parameter(help="Name or id; in any project.")],
    /,
    *,
    yes: Yes = False,
    connection: Connection = NEAREST,
) -> None:
    """Delete (revoke) an API key. Takes effect immediately."""
    with connection.open() as session:
        found = find(session.client, key)
        name = found["metadata"]["name"]
        project = project_of(found, names_of_projects(session.client))
        question = f"Delete the API key {name} ({found['id']}) of the project {project}?"
        session.confirm(question, yes=yes)
        answer = session.client.change("DELETE", f"{PATH}/{found['id']}")
        session.done(answer, f"{name} of the project {project} deleted")


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
