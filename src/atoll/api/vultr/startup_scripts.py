"""`/v2/startup-scripts`: scripts that guests run at their first boot."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta as Bounds

from atoll.api import foreign
from atoll.api.http import Call
from atoll.api.vultr import wire
from atoll.api.vultr.instances.create import plain_base64
from atoll.api.vultr.wire import Meta, Paging, Wire
from atoll.domain import ids
from atoll.domain.commands import CreateStartupScript, DeleteStartupScript, UpdateStartupScript
from atoll.domain.errors import Invalid
from atoll.domain.startup_scripts import StartupScript
from atoll.service.nouns import STARTUP_SCRIPTS

BOOT, PXE = "boot", "pxe"
Name = Annotated[str, Bounds(max_length=255)]


class CreateBody(Wire, kw_only=True):
    """`script` is base64. Decoded, it begins with `#!`."""

    name: Name
    script: str
    type: str | None = None


class UpdateBody(Wire, kw_only=True):
    name: Name | None = None
    script: str | None = None
    type: str | None = None


class StartupScriptOut(msgspec.Struct, kw_only=True):
    id: str
    date_created: str
    date_modified: str
    name: str
    type: str
    script: str


class StartupScriptAnswer(msgspec.Struct, kw_only=True):
    startup_script: StartupScriptOut


class StartupScriptList(msgspec.Struct, kw_only=True):
    startup_scripts: list[StartupScriptOut]
    meta: Meta


def show(script: StartupScript) -> StartupScriptOut:
    return StartupScriptOut(
        id=wire.uuid_of(script.id), date_created=wire.date_of(script.created_at_ms),
        date_modified=wire.date_of(script.updated_at_ms or script.created_at_ms),
        name=script.name, type=BOOT, script=script.script,
    )  # fmt: skip


def show_answer(script: StartupScript) -> StartupScriptAnswer:
    return StartupScriptAnswer(startup_script=show(script))


def require_boot(kind: str | None) -> None:
    if kind == PXE:
        raise Invalid(
            "type: instances do not boot from the network, so pxe scripts are not supported: "
            "create a script of type boot",
            field="type",
        )
    if kind not in {BOOT, "", None}:
        raise Invalid("type must be boot", field="type")


class StartupScripts(Controller):
    path = "/startup-scripts"
    tags = ("startup",)

    @get("/", operation_id="list-startup-scripts", summary="List Startup Scripts",
         responses=wire.ANY_ERROR | wire.shown(StartupScriptList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        page, meta = await wire.page_of(request, STARTUP_SCRIPTS, paging)
        out = [show(script) for script in page]
        return wire.answer(StartupScriptList(startup_scripts=out, meta=meta))

    @post("/", operation_id="create-startup-script", commands=(CreateStartupScript,),
          status_code=201, summary="Create Startup Script",
          responses=wire.ANY_ERROR | wire.shown(StartupScriptAnswer, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        require_boot(data.type)
        command = CreateStartupScript(name=data.name, script=plain_base64(data.script))
        return await wire.mutate(request, show_answer, command, 201)

    @get("/{startup_id:str}", operation_id="get-startup-script", summary="Get Startup Script",
         responses=wire.ANY_ERROR | wire.shown(StartupScriptAnswer, "the script"))  # fmt: skip
    async def read(self, request: Call, startup_id: FromPath[str]) -> Response[bytes]:
        script = await foreign.get(request, STARTUP_SCRIPTS, ids.STARTUP_SCRIPT, startup_id)
        return wire.answer(StartupScriptAnswer(startup_script=show(script)))

    @patch("/{startup_id:str}", operation_id="update-startup-script",
           commands=(UpdateStartupScript,), status_code=204, summary="Update Startup Script",
           responses=wire.ANY_ERROR)  # fmt: skip
    async def update(
        self, request: Call, startup_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[None]:
        require_boot(data.type)
        reference = wire.native_id(ids.STARTUP_SCRIPT, startup_id)
        script = None if data.script is None else plain_base64(data.script)
        command = UpdateStartupScript(startup_script=reference, name=data.name, script=script)
        return await wire.no_content(request, command)

    @delete("/{startup_id:str}", operation_id="delete-startup-script",
            commands=(DeleteStartupScript,), status_code=204, summary="Delete Startup Script",
            responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, startup_id: FromPath[str]) -> Response[None]:
        reference = wire.native_id(ids.STARTUP_SCRIPT, startup_id)
        return await wire.no_content(request, DeleteStartupScript(startup_script=reference))
