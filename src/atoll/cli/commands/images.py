"""`atoll image …`: the catalogue, and the long work of building and fetching disks."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.errors import Usage
from atoll.cli.nouns import Noun
from atoll.cli.output import Column, pick
from atoll.cli.proposals import follow, operate
from atoll.cli.session import (
    NEAREST,
    PATIENT,
    Connection,
    Pace,
    Reference,
    Session,
)

COLUMNS = (
    Column("name", "metadata.name"),
    Column("state", "status.state"),
    Column("kind", "spec.kind"),
    Column("os", "spec.os"),
    Column("version", "spec.version"),
    Column("source", "spec.source.kind"),
    Column("alias of", "spec.alias_of"),
    Column("min disk gb", "spec.min_disk_gb"),
    Column("id", "id"),
)
CHECKSUMS = ("sha256:", "sha512:")

app = App(name="image")
IMAGES = Noun(app=app, one="an image", path="/v1/images", columns=COLUMNS)
IMAGES.add_list("List the images of the catalogue and of the project.")
IMAGES.add_show("Show everything about an image.")
IMAGES.add_delete(
    "Delete an image that no instance starts from, and every host's copy of it.", waits=True
)


@app.command
def build(image: Reference, /, *, pace: Pace = PATIENT, connection: Connection = NEAREST) -> None:
    """Build or fetch an image of the catalogue now, rather than when it is first needed."""
    with connection.open() as session:
        prepare(session, IMAGES.find(session.client, image), pace)


@app.command(name="import")
def import_image(
    name: Annotated[str, Parameter(help="The name of the new image.")],
    /,
    *,
    location: Annotated[
        str | None, Parameter(name="--from-url", help="Where the disk is fetched from.")
    ] = None,
    checksum: Annotated[
        str | None, Parameter(help="sha256:… or sha512:… of the file as it lies there.")
    ] = None,
    file: Annotated[Path | None, Parameter(help="A disk on the server's own machine.")] = None,
    iso: Annotated[
        bool, Parameter(negative=(), help="It is a disc for CD drives: an ISO 9660 file.")
    ] = False,
    os: Annotated[str, Parameter(help="The operating system in it.")] = "",
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Add an image from a URL or a file, and fetch it."""
    body: Json = {
        "metadata": {"name": name},
        "spec": {"os": os, "source": source_of(location, checksum, file)},
    }
    if iso:
        body["spec"]["kind"] = "iso"
    with connection.open() as session:
        prepare(session, session.client.change("POST", IMAGES.path, body), pace)


def source_of(location: str | None, checksum: str | None, file: Path | None) -> Json:
    """The source of an import. Raises Usage where it is not one."""
    if (location is None) == (file is None):
        raise Usage("give either --from-url or --file")
    if checksum is not None and not checksum.startswith(CHECKSUMS):
        raise Usage(f"--checksum {checksum}: write it as sha256:… or sha512:…")
    source: Json = {"kind": "url", "location": location}
    if file is not None:
        source = {"kind": "file", "location": str(file.absolute())}
    return source if checksum is None else {**source, "checksum": checksum}


@app.command
def alias(
    name: Annotated[str, Parameter(help="The name that shall mean another image.")],
    target: Annotated[str, Parameter(help="The image that it means: a name or an id.")],
    /,
    *,
    connection: Connection = NEAREST,
) -> None:
    """Let a name mean another image. The name is an image of the list, or becomes one."""
    with connection.open() as session:
        client = session.client
        body: Json = {"spec": {"alias_of": target}}
        if client.get(IMAGES.path, {"name": name})["items"]:
            found = client.find(IMAGES.path, name)
            answer = client.change("PATCH", f"{IMAGES.path}/{found['id']}", body)
        else:
            answer = client.change("POST", IMAGES.path, {"metadata": {"name": name}, **body})
        session.done(answer, f"{name} now means {target}")


def prepare(session: Session, image: Json, pace: Pace) -> None:
    """Has an image built or fetched. What is under way already is waited for, not begun again."""
    sentence = f"{image['metadata']['name']} is available"
    if pick(image, "status.state") == "importing" and image.get("operation_id"):
        follow(session, image, pace=pace, sentence=sentence)
        return
    operate(
        session,
        "POST",
        f"{IMAGES.path}/{image['id']}/import",
        dry_run=False,
        pace=pace,
        sentence=sentence,
    )
