"""`atoll type …`: instance types, the sizes that an instance can have."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.errors import Usage
from atoll.cli.nouns import Noun
from atoll.cli.output import Column
from atoll.cli.session import NEAREST, Connection

COLUMNS = (
    Column("name", "metadata.name"),
    Column("vcpus", "spec.vcpus"),
    Column("memory mb", "spec.memory_mb"),
    Column("disk gb", "spec.disk_gb"),
    Column("accelerators", "spec.accelerators"),
    Column("description", "spec.description"),
    Column("id", "id"),
)

app = App(name="type")
PLANS = Noun(app=app, one="an instance type", path="/v1/types", columns=COLUMNS)
PLANS.add_list("List instance types.", labels=False)
PLANS.add_show("Show an instance type.")
PLANS.add_delete("Delete an instance type. Instances of it are kept. For operators.")


@app.command
def create(
    name: Annotated[str, Parameter(help="Name of the instance type.")],
    /,
    *,
    vcpus: Annotated[int, Parameter(help="Number of virtual CPUs.")],
    memory_mb: Annotated[int, Parameter(help="Memory in MB.")],
    disk_gb: Annotated[int, Parameter(help="Size of the root disk in GB.")],
    accelerator: Annotated[
        str | None, Parameter(help="Accelerators, such as nvidia-rtx-3090 or nvidia-rtx-3090=2.")
    ] = None,
    description: Annotated[str, Parameter(help="Description.")] = "",
    connection: Connection = NEAREST,
) -> None:
    """Create an instance type. For operators."""
    spec: Json = {"vcpus": vcpus, "memory_mb": memory_mb, "disk_gb": disk_gb}
    if accelerator is not None:
        spec["accelerators"] = accelerators_from(accelerator)
    if description:
        spec["description"] = description
    with connection.open() as session:
        answer = session.client.change(
            "POST", PLANS.path, {"metadata": {"name": name}, "spec": spec}
        )
        session.done(answer, f"{name} created")


def accelerators_from(text: str) -> Json:
    """Parse `KIND` or `KIND=COUNT`. Raises Usage."""
    kind, equals, count = text.partition("=")
    if not kind or (equals and not count.isdecimal()):
        raise Usage(
            f"invalid --accelerator {text}: use KIND or KIND=COUNT, such as nvidia-rtx-3090=2"
        )
    return {"kind": kind, "count": int(count or 1)}
