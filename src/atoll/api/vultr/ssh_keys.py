"""`/v2/ssh-keys`."""

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api import foreign
from atoll.api.http import Call
from atoll.api.vultr import wire
from atoll.api.vultr.wire import Meta, Paging, Wire
from atoll.domain import ids
from atoll.domain.commands import CreateSshKey, DeleteSshKey, UpdateSshKey
from atoll.domain.ssh_keys import SshKey
from atoll.service.nouns import SSH_KEYS


class CreateBody(Wire, kw_only=True):
    name: str
    ssh_key: str


class UpdateBody(Wire, kw_only=True):
    name: str | None = None
    ssh_key: str | None = None


class SshKeyOut(msgspec.Struct, kw_only=True):
    id: str
    date_created: str
    name: str
    ssh_key: str


class SshKeyAnswer(msgspec.Struct, kw_only=True):
    ssh_key: SshKeyOut


class SshKeyList(msgspec.Struct, kw_only=True):
    ssh_keys: list[SshKeyOut]
    meta: Meta


def show(key: SshKey) -> SshKeyOut:
    return SshKeyOut(
        id=wire.uuid_of(key.id), date_created=wire.date_of(key.created_at_ms), name=key.name,
        ssh_key=key.public_key,
    )  # fmt: skip


def show_answer(key: SshKey) -> SshKeyAnswer:
    return SshKeyAnswer(ssh_key=show(key))


class SshKeys(Controller):
    path = "/ssh-keys"
    tags = ("ssh",)

    @get("/", operation_id="list-ssh-keys", summary="List SSH Keys",
         responses=wire.ANY_ERROR | wire.shown(SshKeyList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        page, meta = await wire.page_of(request, SSH_KEYS, paging)
        return wire.answer(SshKeyList(ssh_keys=[show(key) for key in page], meta=meta))

    @post("/", operation_id="create-ssh-key", commands=(CreateSshKey,), status_code=201,
          summary="Create SSH key",
          responses=wire.ANY_ERROR | wire.shown(SshKeyAnswer, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        command = CreateSshKey(name=data.name, public_key=data.ssh_key)
        return await wire.mutate(request, show_answer, command, 201)

    @get("/{ssh_key_id:str}", operation_id="get-ssh-key", summary="Get SSH Key",
         responses=wire.ANY_ERROR | wire.shown(SshKeyAnswer, "the key"))  # fmt: skip
    async def read(self, request: Call, ssh_key_id: FromPath[str]) -> Response[bytes]:
        key = await foreign.get(request, SSH_KEYS, ids.SSH_KEY, ssh_key_id)
        return wire.answer(SshKeyAnswer(ssh_key=show(key)))

    @patch("/{ssh_key_id:str}", operation_id="update-ssh-key", commands=(UpdateSshKey,),
           status_code=204, summary="Update SSH Key", responses=wire.ANY_ERROR)  # fmt: skip
    async def update(
        self, request: Call, ssh_key_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[None]:
        reference = wire.native_id(ids.SSH_KEY, ssh_key_id)
        command = UpdateSshKey(ssh_key=reference, name=data.name, public_key=data.ssh_key)
        return await wire.no_content(request, command)

    @delete("/{ssh_key_id:str}", operation_id="delete-ssh-key", commands=(DeleteSshKey,),
            status_code=204, summary="Delete SSH Key", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, ssh_key_id: FromPath[str]) -> Response[None]:
        reference = wire.native_id(ids.SSH_KEY, ssh_key_id)
        return await wire.no_content(request, DeleteSshKey(ssh_key=reference))
