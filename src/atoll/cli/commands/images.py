"""`atoll image …`: lists, builds and imports images."""

from pathlib import Path
from shlex import quote
from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Json
from atoll.cli.errors import OperationFailed, Usage
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
IMAGES.add_show("Show an image.")
IMAGES.add_delete("Delete an image from all hosts. No instance may be using it.", waits=True)


@app.command
def build(image: Reference, /, *, pace: Pace = PATIENT, connection: Connection = NEAREST) -> None:
    """Build or download an image now, instead of when it is first used."""
    with connection.open() as session:
        prepare(session, IMAGES.find(session.client, image), pace)


@app.command(name="import")
def import_image(
    name: Annotated[str, Parameter(help="Name of the new image.")],
    /,
    *,
    location: Annotated[str | None, Parameter(name="--from-url", help="URL of the image.")] = None,
    checksum: Annotated[
        str | None, Parameter(help="sha256:… or sha512:… of the file as downloaded.")
    ] = None,
    file: Annotated[
        Path | None, Parameter(help="Path of the image on the server's machine.")
    ] = None,
    iso: Annotated[bool, Parameter(negative=(), help="Import a CD image (ISO 9660).")] = False,
    os: Annotated[str, Parameter(help="Operating system of the image.")] = "",
    pace: Pace = PATIENT,
    connection: Connection = NEAREST,
) -> None:
    """Import an image from a URL or a file."""
    body: Json = {
        "metadata": {"name": name},
        "spec": {"os": os, "source": source_of(location, checksum, file)},
    }
    if iso:
        body["spec"]["kind"] = "iso"
    with connection.open() as session:
        image = session.client.change("POST", IMAGES.path, body)
        try:
            prepare(session, image, pace)
        except OperationFailed as failed:
            raise OperationFailed(
                f"{failed}\n  to import from elsewhere, delete the image first: "
                f"`atoll image delete {quote(name)}`"
            ) from failed


def source_of(location: str | None, checksum: str | None, file: Path | None) -> Json:
    """Build the source of an import. Raises Usage."""
    if (location is None) == (file is None):
        raise Usage("use either --from-url or --file")
    if checksum is not None and not checksum.lower().startswith(CHECKSUMS):
        raise Usage(f"invalid --checksum {checksum}: use sha256:… or sha512:…")
    source: Json = {"kind": "url", "location": location}
    if file is not None:
        source = {"kind": "file", "location": str(file.absolute())}
    return source if checksum is None else {**source, "checksum": checksum}


@app.command
def alias(
    name: Annotated[str, Parameter(help="Name of the alias.")],
    target: Annotated[str, Parameter(help="Image that the alias points to (name or id).")],
    /,
    *,
    connection: Connection = NEAREST,
) -> None:
    """Create an alias of an image, or change where an existing image name points."""
    with connection.open() as session:
        client = session.client
        body: Json = {"spec": {"alias_of": target}}
        if client.get(IMAGES.path, {"name": name})["items"]:
            found = client.find(IMAGES.path, name)
            answer = client.change("PATCH", f"{IMAGES.path}/{found['id']}", body)
        else:
            answer = client.change("POST", IMAGES.path, {"metadata": {"name": name}, **body})
        session.done(answer, f"{name} is now an alias of {target}")


def prepare(session: Session, image: Json, pace: Pace) -> None:
    """Build or download an image. If an import is already running, wait for that one."""
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
