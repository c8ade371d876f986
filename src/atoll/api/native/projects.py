"""`/v1/projects` and `/v1/api-keys`."""

import datetime
from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from atoll.api.http import Call, json_response
from atoll.api.native import wire
from atoll.api.native.paging import NAMED, Paging
from atoll.api.native.wire import Wire, view_of
from atoll.domain.commands import CreateApiKey, CreateProject, DeleteApiKey, DeleteProject
from atoll.domain.errors import Invalid
from atoll.domain.projects import ApiKey, Project, Role
from atoll.service import projects

YEAR_10000_MS = 253_402_300_800_000


class OnlyName(Wire, kw_only=True):
    name: wire.NewName


class ProjectBody(Wire, kw_only=True):
    metadata: OnlyName


class ApiKeySpec(Wire, kw_only=True):
    """`project` is an id or name; default: the project of the caller. `limit_class` is a rate
    limit: standard, default or unlimited."""

    role: Role
    project: str | None = None
    limit_class: str | None = None
    expires_at: Annotated[datetime.datetime, Meta(tz=True)] | None = None


class CreateApiKeyBody(Wire, kw_only=True):
    metadata: OnlyName
    spec: ApiKeySpec


class KeptMetadata(msgspec.Struct, kw_only=True):
    name: str
    created_at: str
    version: int


class ProjectOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: KeptMetadata


class ProjectList(msgspec.Struct, kw_only=True):
    items: list[ProjectOut]
    next: str | None


class ApiKeySpecOut(msgspec.Struct, kw_only=True):
    role: str
    project_id: str
    limit_class: str
    expires_at: str | None


class ApiKeyStatus(msgspec.Struct, kw_only=True):
    """`key` is the API key itself. It is shown once, at creation, and never stored."""

    hint: str
    key: str | None = None


class ApiKeyOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: KeptMetadata
    spec: ApiKeySpecOut
    status: ApiKeyStatus


class ApiKeyList(msgspec.Struct, kw_only=True):
    items: list[ApiKeyOut]
    next: str | None


def kept(thing: Project | ApiKey) -> KeptMetadata:
    return KeptMetadata(
        name=thing.name, created_at=wire.time_text(thing.created_at_ms), version=thing.version
    )


def show_project(project: Project) -> ProjectOut:
    return ProjectOut(id=project.id, metadata=kept(project))


def show_key(key: ApiKey, text: str | None = None) -> ApiKeyOut:
    return ApiKeyOut(
        id=key.id, metadata=kept(key),
        spec=ApiKeySpecOut(
            role=key.role, project_id=key.project_id, limit_class=key.limit_class or "",
            expires_at=wire.time_of(key.expires_at_ms),
        ),
        status=ApiKeyStatus(hint=key.hint, key=text),
    )  # fmt: skip


def parse_key(body: CreateApiKeyBody) -> CreateApiKey:
    spec = body.spec
    expires = None if spec.expires_at is None else int(spec.expires_at.timestamp() * 1000)
    if expires is not None and expires >= YEAR_10000_MS:
        raise Invalid("spec.expires_at must not be after the year 9999", field="spec.expires_at")
    return CreateApiKey(
        name=body.metadata.name, role=spec.role, project=spec.project,
        limit_class=spec.limit_class, expires_at_ms=expires,
    )  # fmt: skip


class Projects(Controller):
    path = "/projects"
    tags = ("Projects and keys",)

    @get("/", operation_id="listProjects", dependencies=NAMED, summary="List projects",
         responses=wire.LISTS | wire.shown(ProjectList, "one page of the list"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
    ) -> Response[bytes]:
        found = await projects.find_projects(view_of(request), paging.wanted)
        return wire.page_response(found, paging.limit, show_project, lambda one: one.id)

    @post("/", operation_id="createProject", commands=(CreateProject,), status_code=201,
          summary="Create a project",
          responses=wire.WRITES | wire.shown(ProjectOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[ProjectBody]) -> Response[bytes]:
        command = CreateProject(name=data.metadata.name)
        return await wire.mutate(request, show_project, command, 201)

    @get("/{project_id:str}", operation_id="getProject", summary="Get a project",
         responses=wire.READS | wire.shown(ProjectOut, "the project"))  # fmt: skip
    async def read(self, request: Call, project_id: FromPath[str]) -> Response[bytes]:
        found = await projects.get_project(view_of(request), project_id)
        return json_response(wire.encode(show_project(found)))

    @delete("/{project_id:str}", operation_id="deleteProject", commands=(DeleteProject,),
            status_code=204, summary="Delete an empty project",
            responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, project_id: FromPath[str]) -> Response[None]:
        return await wire.no_content(request, DeleteProject(project=project_id))


class ApiKeys(Controller):
    path = "/api-keys"
    tags = ("Projects and keys",)

    @get("/", operation_id="listApiKeys", dependencies=NAMED, summary="List API keys",
         responses=wire.LISTS | wire.READS
         | wire.shown(ApiKeyList, "one page of the list"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
        project: FromQuery[str | None] = None,
        all_projects: FromQuery[bool] = False,
    ) -> Response[bytes]:
        found = await projects.find_keys(
            view_of(request), paging.wanted, project=project, everywhere=all_projects
        )
        return wire.page_response(found, paging.limit, show_key, lambda one: one.id)

    @post("/", operation_id="createApiKey", commands=(CreateApiKey,), status_code=201,
          summary="Create an API key",
          responses=wire.WRITES | wire.shown(ApiKeyOut, "created; save the key", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateApiKeyBody]) -> Response[bytes]:
        outcome = await wire.execute(request, parse_key(data))
        return wire.respond(outcome, show_key(outcome.thing, outcome.secret or None), 201)

    @get("/{key_id:str}", operation_id="getApiKey", summary="Get an API key",
         responses=wire.READS | wire.shown(ApiKeyOut, "the API key, without its text"))  # fmt: skip
    async def read(self, request: Call, key_id: FromPath[str]) -> Response[bytes]:
        found = await projects.get_key(view_of(request), key_id)
        return json_response(wire.encode(show_key(found)))

    @delete("/{key_id:str}", operation_id="deleteApiKey", commands=(DeleteApiKey,), status_code=204,
            summary="Delete (revoke) an API key", responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, key_id: FromPath[str]) -> Response[None]:
        return await wire.no_content(request, DeleteApiKey(api_key=key_id))
