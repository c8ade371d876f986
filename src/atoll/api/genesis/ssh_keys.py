"""`/compute/v1/ssh-keys`. The answer for one key has no envelope."""

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api import foreign
from atoll.api.genesis import wire
from atoll.api.genesis.wire import Page, Paging, Wire
from atoll.api.http import Call
from atoll.domain import ids
from atoll.domain.commands import CreateSshKey, DeleteSshKey, UpdateSshKey
from atoll.domain.ssh_keys import SshKey, bits_of, md5_fingerprint_of, type_of
from atoll.service.nouns import SSH_KEYS

# Keys that earlier versions stored, without the surrounding spaces.
VALUE = "genesis.value"


class CreateBody(Wire, kw_only=True):
    name: str
    value: str


class UpdateBody(Wire, kw_only=True):
    name: str | None = None


class SshKeyOut(msgspec.Struct, kw_only=True):
    """Older clients read `public_key`, newer ones `value`."""

    id: str
    name: str
    value: str
    public_key: str
    fingerprint: str
    type: str
    size: int
    created_at: str
    updated_at: str


class SshKeyList(Page, kw_only=True):
    ssh_keys: list[SshKeyOut]


def parse_create(body: CreateBody) -> CreateSshKey:
    return CreateSshKey(name=body.name, public_key=body.value)


def show(key: SshKey) -> SshKeyOut:
    given = key.annotations.get(VALUE, "")
    value = given if given.strip() == key.public_key else key.public_key
    made_at = wire.time_of(key.created_at_ms)
    return SshKeyOut(
        id=wire.uuid_of(key.id), name=key.name, value=value, public_key=value,
        fingerprint=md5_fingerprint_of(key.public_key), type=word_of(type_of(key.public_key)),
        size=bits_of(key.public_key),
        created_at=made_at, updated_at=made_at,
    )  # fmt: skip


def word_of(kind: str) -> str:
    """Return the short name of a key type: `rsa` for ssh-rsa, `ecdsa` for ecdsa-sha2-nistp256."""
    words = kind.partition("@")[0].removeprefix("sk-").removeprefix("ssh-")
    return words.partition("-")[0]


class SshKeys(Controller):
    path = "/ssh-keys"
    tags = ("ssh-keys",)

    @get("/", operation_id="listSSHKeys", summary="List SSH keys",
         responses=wire.ANY_ERROR | wire.shown(SshKeyList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        page, about = await wire.page_of(request, SSH_KEYS, paging)
        return wire.answer(SshKeyList(ssh_keys=[show(key) for key in page], **about))

    @post("/", operation_id="createSSHKey", commands=(CreateSshKey,), status_code=201,
          summary="Create an SSH key",
          responses=wire.ANY_ERROR | wire.shown(SshKeyOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        return await wire.mutate(request, show, parse_create(data), 201)

    @get("/{ssh_key_id:str}", operation_id="getSSHKey", summary="Get an SSH key",
         responses=wire.ANY_ERROR | wire.shown(SshKeyOut, "the key"))  # fmt: skip
    async def read(self, request: Call, ssh_key_id: FromPath[str]) -> Response[bytes]:
        return wire.answer(show(await foreign.get(request, SSH_KEYS, ids.SSH_KEY, ssh_key_id)))

    @patch("/{ssh_key_id:str}", operation_id="updateSSHKey", commands=(UpdateSshKey,),
           summary="Update an SSH key",
           responses=wire.ANY_ERROR | wire.shown(SshKeyOut, "as it now is"))  # fmt: skip
    async def update(
        self, request: Call, ssh_key_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        reference = wire.native_id(ids.SSH_KEY, ssh_key_id)
        return await wire.mutate(request, show, UpdateSshKey(ssh_key=reference, name=data.name))

    @delete("/{ssh_key_id:str}", operation_id="deleteSSHKey", commands=(DeleteSshKey,),
            status_code=204, summary="Delete an SSH key", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, ssh_key_id: FromPath[str]) -> Response[None]:
        reference = wire.native_id(ids.SSH_KEY, ssh_key_id)
        return await wire.no_content(request, DeleteSshKey(ssh_key=reference))
