"""`/v1/apis`: additional APIs that the registry offers as tools."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from atoll.api.http import Call, json_response
from atoll.api.native import named, wire
from atoll.api.native.wire import Name, Wire, view_of
from atoll.domain.apis import Api
from atoll.domain.commands import AddApi, RemoveApi
from atoll.service import apis

DOCUMENT_MAX = 32 * 1024 * 1024
Words = Annotated[str, Meta(max_length=1000)]


class ApiMetadataIn(Wire, kw_only=True):
    name: Name


class ApiSpecIn(Wire, kw_only=True):
    """`document` is the text of an OpenAPI document, JSON or YAML. `base_url` defaults to the
    server in the document."""

    document: Annotated[str, Meta(min_length=2, max_length=DOCUMENT_MAX)]
    base_url: Words = ""
    display_name: Words = ""
    category: Words = ""


class AddApiBody(Wire, kw_only=True):
    metadata: ApiMetadataIn
    spec: ApiSpecIn


class ApiMetadata(msgspec.Struct, kw_only=True):
    name: str
    created_at: str
    version: int


class ApiSpec(msgspec.Struct, kw_only=True):
    display_name: str
    category: str
    base_url: str


class VersionOut(msgspec.Struct, kw_only=True):
    """`number` increases with each document; `version` is the one in the document."""

    number: int
    version: str
    tools: int
    digest: str
    added_at: str


class ApiStatus(msgspec.Struct, kw_only=True):
    """`versions`, oldest first."""

    tools: int
    versions: list[VersionOut]


class ApiOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: ApiMetadata
    spec: ApiSpec
    status: ApiStatus


class ApiList(msgspec.Struct, kw_only=True):
    """All APIs; there is only one page."""

    items: list[ApiOut]
    next: str | None = None


def parse_add(body: AddApiBody) -> AddApi:
    spec = body.spec
    return AddApi(
        name=body.metadata.name, document=spec.document.encode(), base_url=spec.base_url,
        display_name=spec.display_name, category=spec.category,
    )  # fmt: skip


def show(api: Api) -> ApiOut:
    newest = api.newest
    return ApiOut(
        id=api.id,
        metadata=ApiMetadata(
            name=api.name, created_at=wire.time_text(api.created_at_ms), version=api.version
        ),
        spec=ApiSpec(
            display_name=api.display_name or newest.title, category=api.category,
            base_url=newest.base_url,
        ),
        status=ApiStatus(
            tools=newest.tools,
            versions=[
                VersionOut(
                    number=one.number, version=one.version, tools=one.tools, digest=one.digest,
                    added_at=wire.time_text(one.added_at_ms),
                )
                for one in api.versions
            ],
        ),
    )  # fmt: skip


class Apis(Controller):
    path = "/apis"
    tags = ("Registry",)

    @post("/", operation_id="addApi", commands=(AddApi,), status_code=201,
          request_max_body_size=DOCUMENT_MAX,
          summary="Register an OpenAPI document as tools (or a new version)",
          responses=wire.WRITES | wire.shown(ApiOut, "updated", 201))  # fmt: skip
    async def add(self, request: Call, data: JSONBody[AddApiBody]) -> Response[bytes]:
        return await wire.mutate(request, show, parse_add(data), 201)

    @get("/", operation_id="listApis", summary="List registered APIs",
         responses=wire.READS | wire.shown(ApiList, "all registered APIs"))  # fmt: skip
    async def page(self, request: Call) -> Response[bytes]:
        found = await apis.list_all(view_of(request))
        return json_response(wire.encode(ApiList(items=[show(api) for api in found])))

    @get("/{api_id:str}", operation_id="getApi", summary="Get a registered API",
         responses=wire.READS | wire.shown(ApiOut, "the API"))  # fmt: skip
    async def read(self, request: Call, api_id: FromPath[str]) -> Response[bytes]:
        return named.answer(show(await apis.get(view_of(request), api_id)))

    @delete("/{api_id:str}", operation_id="removeApi", commands=(RemoveApi,), status_code=204,
            summary="Remove an API and its documents from the registry",
            responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, api_id: FromPath[str]) -> Response[None]:
        return await wire.no_content(request, RemoveApi(api=api_id))
