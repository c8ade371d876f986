"""`/v1/startup-scripts`."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, UnsetType

from atoll.api.http import Call, version_of
from atoll.api.native import named, wire
from atoll.api.native.paging import LABELLED, Paging
from atoll.api.native.wire import ChangedMetadata, Metadata, NewMetadata, Wire
from atoll.domain.commands import CreateStartupScript, DeleteStartupScript, UpdateStartupScript
from atoll.domain.startup_scripts import StartupScript
from atoll.service.nouns import STARTUP_SCRIPTS

# Base64 of a text that begins with `#!`. Documented here; rejected below with a better sentence.
QUAD = "[A-Za-z0-9+/]{4}"
PATTERN = f"^IyE(=|[A-Za-z0-9+/]({QUAD})*([A-Za-z0-9+/]{{2}}==|[A-Za-z0-9+/]{{3}}=)?)$"
SCHEMA = {"pattern": PATTERN}
Script = Annotated[str, Meta(min_length=4, max_length=90_000, extra_json_schema=SCHEMA)]


class StartupScriptSpec(Wire, kw_only=True):
    """`script` is base64 of a text that starts with `#!`."""

    script: Script


class CreateStartupScriptBody(Wire, kw_only=True):
    metadata: NewMetadata
    spec: StartupScriptSpec


class PatchStartupScriptBody(Wire, kw_only=True):
    metadata: ChangedMetadata | UnsetType = UNSET
    spec: StartupScriptSpec | UnsetType = UNSET


class ShownScript(msgspec.Struct, kw_only=True):
    """`script` is empty in lists, and for keys that may only read."""

    script: str


class StartupScriptOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: Metadata
    spec: ShownScript


class StartupScriptList(msgspec.Struct, kw_only=True):
    items: list[StartupScriptOut]
    next: str | None


def parse_create(body: CreateStartupScriptBody) -> CreateStartupScript:
    given = body.metadata
    return CreateStartupScript(name=given.name, labels=given.labels, script=body.spec.script)


def show(script: StartupScript) -> StartupScriptOut:
    return StartupScriptOut(
        id=script.id, metadata=named.metadata(script), spec=ShownScript(script=script.script)
    )


def show_listed(script: StartupScript) -> StartupScriptOut:
    """A list leaves out the text, which may be long."""
    return show(msgspec.structs.replace(script, script=""))


class StartupScripts(Controller):
    path = "/startup-scripts"
    tags = ("Startup scripts",)

    @post("/", operation_id="createStartupScript", commands=(CreateStartupScript,), status_code=201,
          summary="Create a startup script",
          responses=wire.WRITES | wire.shown(StartupScriptOut, "created", 201))  # fmt: skip
    async def create(
        self, request: Call, data: JSONBody[CreateStartupScriptBody]
    ) -> Response[bytes]:
        return await wire.mutate(request, show, parse_create(data), 201)

    @get("/", operation_id="listStartupScripts", dependencies=LABELLED,
         summary="List startup scripts",
         responses=wire.LISTS | wire.shown(StartupScriptList, "one page of the list"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        return await named.page(request, STARTUP_SCRIPTS, paging, show_listed)

    @get("/{script_id:str}", operation_id="getStartupScript", summary="Get a startup script",
         responses=wire.READS | wire.shown(StartupScriptOut, "the script"))  # fmt: skip
    async def read(self, request: Call, script_id: FromPath[str]) -> Response[bytes]:
        return await named.read(request, STARTUP_SCRIPTS, script_id, show)

    @patch("/{script_id:str}", operation_id="updateStartupScript", commands=(UpdateStartupScript,),
           summary="Update a startup script",
           responses=wire.WRITES | wire.shown(StartupScriptOut, "updated"))  # fmt: skip
    async def update(
        self, request: Call, script_id: FromPath[str], data: JSONBody[PatchStartupScriptBody]
    ) -> Response[bytes]:
        changed = named.PatchBody(metadata=data.metadata or ChangedMetadata())
        command = named.parse_update(
            request, changed, UpdateStartupScript, startup_script=script_id,
            script=data.spec.script if data.spec else None,
        )  # fmt: skip
        return await wire.mutate(request, show, command)

    @delete("/{script_id:str}", operation_id="deleteStartupScript", commands=(DeleteStartupScript,),
            status_code=204, summary="Delete a startup script (guests that ran it are not changed)",
            responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, script_id: FromPath[str]) -> Response[None]:
        command = DeleteStartupScript(startup_script=script_id, version=version_of(request))
        return await wire.no_content(request, command)
