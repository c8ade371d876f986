"""`/v1/ssh-keys`."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from atoll.api.http import Call, version_of
from atoll.api.native import named, wire
from atoll.api.native.paging import LABELLED, Paging
from atoll.api.native.wire import Metadata, NewMetadata, Wire
from atoll.domain.commands import CreateSshKey, DeleteSshKey, UpdateSshKey
from atoll.domain.ssh_keys import SshKey, line_of
from atoll.service.nouns import SSH_KEYS


class SshKeySpec(Wire, kw_only=True):
    public_key: Annotated[str, Meta(min_length=1, max_length=16_384)]


class SshKeyStatus(msgspec.Struct, kw_only=True):
    fingerprint: str


class CreateSshKeyBody(Wire, kw_only=True):
    metadata: NewMetadata
    spec: SshKeySpec


class SshKeyOut(msgspec.Struct, kw_only=True):
    id: str
    metadata: Metadata
    spec: SshKeySpec
    status: SshKeyStatus


class SshKeyList(msgspec.Struct, kw_only=True):
    items: list[SshKeyOut]
    next: str | None


def parse_create(body: CreateSshKeyBody) -> CreateSshKey:
    given = body.metadata
    return CreateSshKey(name=given.name, labels=given.labels, public_key=body.spec.public_key)


def show(key: SshKey) -> SshKeyOut:
    """As the line that guests get."""
    spec = SshKeySpec(public_key=line_of(key.public_key))
    return SshKeyOut(
        id=key.id, metadata=named.metadata(key), spec=spec,
        status=SshKeyStatus(fingerprint=key.fingerprint),
    )  # fmt: skip


class SshKeys(Controller):
    path = "/ssh-keys"
    tags = ("SSH keys",)

    @post("/", operation_id="createSshKey", status_code=201, summary="Create an SSH key",
          commands=(CreateSshKey,),
          responses=wire.WRITES | wire.shown(SshKeyOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateSshKeyBody]) -> Response[bytes]:
        return await wire.mutate(request, show, parse_create(data), 201)

    @get("/", operation_id="listSshKeys", dependencies=LABELLED, summary="List SSH keys",
         responses=wire.LISTS | wire.shown(SshKeyList, "one page of the list"))  # fmt: skip
    async def page(
        self,
        request: Call,
        paging: NamedDependency[Paging],
    ) -> Response[bytes]:
        return await named.page(request, SSH_KEYS, paging, show)

    @get("/{key_id:str}", operation_id="getSshKey", summary="Get an SSH key",
         responses=wire.READS | wire.shown(SshKeyOut, "the key"))  # fmt: skip
    async def read(self, request: Call, key_id: FromPath[str]) -> Response[bytes]:
        return await named.read(request, SSH_KEYS, key_id, show)

    @patch("/{key_id:str}", operation_id="updateSshKey", summary="Update an SSH key",
           commands=(UpdateSshKey,),
           responses=wire.WRITES | wire.shown(SshKeyOut, "updated"))  # fmt: skip
    async def update(
        self, request: Call, key_id: FromPath[str], data: JSONBody[named.PatchBody]
    ) -> Response[bytes]:
        command = named.parse_update(request, data, UpdateSshKey, ssh_key=key_id)
        return await wire.mutate(request, show, command)

    @delete("/{key_id:str}", operation_id="deleteSshKey", status_code=204,
            summary="Delete an SSH key (guests keep it)", commands=(DeleteSshKey,),
            responses=wire.WRITES)  # fmt: skip
    async def remove(self, request: Call, key_id: FromPath[str]) -> Response[None]:
        return await wire.no_content(
            request, DeleteSshKey(ssh_key=key_id, version=version_of(request))
        )
