"""`atoll quota …`: the usage and the limits of a project."""

from dataclasses import asdict, dataclass
from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import NATIVE_ID, Client, Json
from atoll.cli.errors import Usage
from atoll.cli.output import Column
from atoll.cli.session import NEAREST, Connection, Session

COLUMNS = (Column("resource", "resource"), Column("used", "used"), Column("limit", "limit"))

app = App(name="quota")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Limits:
    instances: Annotated[int | None, Parameter(help="Number of instances.")] = None
    vcpus: Annotated[int | None, Parameter(help="Virtual CPUs of all instances.")] = None
    memory_mb: Annotated[int | None, Parameter(help="Memory of all instances, in MB.")] = None
    disk_gb: Annotated[int | None, Parameter(help="Root disks and volumes, in GB.")] = None
    volumes: Annotated[int | None, Parameter(help="Number of volumes.")] = None
    snapshots: Annotated[int | None, Parameter(help="Number of snapshots.")] = None
    floating_ips: Annotated[int | None, Parameter(help="Number of floating IPs.")] = None
    images: Annotated[int | None, Parameter(help="Number of images.")] = None
    startup_scripts: Annotated[int | None, Parameter(help="Number of startup scripts.")] = None
    ssh_keys: Annotated[int | None, Parameter(help="Number of SSH keys.")] = None
    security_groups: Annotated[int | None, Parameter(help="Number of security groups.")] = None
    vpcs: Annotated[int | None, Parameter(help="Number of VPCs.")] = None
    subnets: Annotated[int | None, Parameter(help="Number of subnets.")] = None


UNLIMITED = Limits()


@app.default
@app.command(name="show")
def show(
    project: Annotated[
        str | None,
        Parameter(help="Project (name or id), for admins. Default: your project."),
    ] = None,
    /,
    *,
    connection: Connection = NEAREST,
) -> None:
    """Show the usage and the limits of a project."""
    with connection.open() as session:
        path = "/v1/quota"
        if project is not None:
            path = f"/v1/projects/{project_id(session.client, project)}/quota"
        show_quota(session, session.client.get(path))


@app.command(name="set")
def set_limits(
    project: Annotated[str, Parameter(help="Project (name or id).")],
    /,
    *,
    limits: Limits = UNLIMITED,
    unlimited: Annotated[bool, Parameter(negative=(), help="Remove all limits.")] = False,
    connection: Connection = NEAREST,
) -> None:
    """Replace all limits of a project. Limits not given are removed. For admins."""
    given = {name: most for name, most in asdict(limits).items() if most is not None}
    if bool(given) == unlimited:
        raise Usage("use limits such as --instances 5 --vcpus 20, or --unlimited alone")
    with connection.open() as session:
        path = f"/v1/projects/{project_id(session.client, project)}/quota"
        show_quota(session, session.client.change("PUT", path, {"limits": given}))


def project_id(client: Client, reference: str) -> str:
    if NATIVE_ID.match(reference):
        return reference
    return str(client.find("/v1/projects", reference)["id"])


def show_quota(session: Session, quota: Json) -> None:
    if session.output.as_json:
        session.output.json(quota)
        return
    limits = quota["limits"]
    rows = [
        {"resource": name.replace("_", " "), "used": used, "limit": limits.get(name)}
        for name, used in quota["used"].items()
    ]
    session.output.table(COLUMNS, rows)
