"""`atoll type …`: the sizes that an instance can have."""

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
PLANS = Noun(app=app, one="a type", path="/v1/types", columns=COLUMNS)
PLANS.add_list("List the instance types.", labels=False)


@app.command
def create(
    name: Annotated[str, Parameter(help="The type's name.")],
    /,
    *,
    vcpus: int,
    memory_mb: int,
    disk_gb: int,
    accelerator: Annotated[
        str | None, Parameter(help="Devices of a host, as nvidia-rtx-3090 or nvidia-rtx-3090=2.")
    ] = None,
    description: str = "",
    connection: Connection = NEAREST,
) -> None:
    """Add a type. For operators."""
    spec: Json = {"vcpus": vcpus, "memory_mb": memory_mb, "disk_gb": disk_gb}
    if accelerator is not None:
        spec["accelerators"] = accelerators_from(accelerator)
    if description:
        spec["description"] = description
    with connection.open() as session:
        answer = session.client.change(
            "POST", PLANS.path, {"metadata": {"name": name}, "spec": spec}
        )
        session.done(answer, f"{name} is created")


def accelerators_from(text: str) -> Json:
    """Raises Usage where it is not a kind, or a kind and how many of it."""
    kind, equals, count = text.partition("=")
    if not kind or (equals and not count.isdecimal()):
        raise Usage(f"--accelerator {text}: write it as nvidia-rtx-3090, or nvidia-rtx-3090=2")
    return {"kind": kind, "count": int(count or 1)}
