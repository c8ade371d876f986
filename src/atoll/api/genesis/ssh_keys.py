"""`/compute/v1/ssh-keys`. A single key is answered bare, with nothing around it."""

import base64
import hashlib

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api.genesis import wire
from atoll.api.genesis.wire import Page, Paging, Wire, services_of
from atoll.api.http import Call, caller_of
from atoll.domain import ids
from atoll.domain.commands import CreateSshKey, Update
from atoll.domain.ssh_keys import SshKey
from atoll.ports import Filter
from atoll.service import owned, references, ssh_keys
from atoll.service.desk import Accepted, require

CURVES = {"ed25519": 256, "nistp256": 256, "nistp384": 384, "nistp521": 521}
# What only this dialect speaks of: the text as it was given, with the spaces around it.
VALUE = "genesis.value"


class CreateBody(Wire, kw_only=True):
    name: str
    value: str


class UpdateBody(Wire, kw_only=True):
    name: str | None = None


class SshKeyOut(msgspec.Struct, kw_only=True):
    """`public_key` is what older clients read, `value` what newer ones do."""

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
    notes = {VALUE: body.value} if body.value != body.value.strip() else {}
    return CreateSshKey(name=body.name, public_key=body.value, annotations=notes)


def show(key: SshKey) -> SshKeyOut:
    kind, blob = blob_of(key.public_key)
    given = key.annotations.get(VALUE, "")
    value = given if given.strip() == key.public_key else key.public_key
    made_at = wire.time_of(key.created_at_ms)
    return SshKeyOut(
        id=wire.uuid_of(key.id), name=key.name, value=value, public_key=value,
        fingerprint=fingerprint_of(blob), type=type_of(kind), size=bits_of(kind, blob),
        created_at=made_at, updated_at=made_at,
    )  # fmt: skip


def show_bare(accepted: Accepted[SshKey]) -> SshKeyOut:
    return show(accepted.thing)


def blob_of(public_key: str) -> tuple[str, bytes]:
    """Its kind and its bytes, of a key that was let in."""
    kind, text = public_key.split(" ")[:2]
    return kind, base64.b64decode(text)


def fingerprint_of(blob: bytes) -> str:
    """As `13:ac:e1:…`, by MD5: nothing rests on it."""
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":")


def type_of(kind: str) -> str:
    """As `rsa` of ssh-rsa, `ecdsa` of ecdsa-sha2-nistp256."""
    words = kind.partition("@")[0].removeprefix("sk-").removeprefix("ssh-")
    return words.partition("-")[0]


def bits_of(kind: str, blob: bytes) -> int:
    """Of an RSA key those of its modulus, the third field (RFC 4253 section 6.6)."""
    for curve, bits in CURVES.items():
        if curve in kind:
            return bits
    rest, field = blob, b""
    for _ in range(3):
        length = int.from_bytes(rest[:4], "big")
        field, rest = rest[4 : 4 + length], rest[4 + length :]
    return int.from_bytes(field, "big").bit_length()


class SshKeys(Controller):
    path = "/ssh-keys"
    tags = ("ssh-keys",)

    @get("/", operation_id="listSSHKeys", summary="List all ssh keys",
         responses=wire.ANY_ERROR | wire.shown(SshKeyList, "one page"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        rows = services_of(request).store.read().ssh_keys
        page, about = await wire.page_of(request, rows, paging, Filter())
        return wire.answer(SshKeyList(ssh_keys=[show(key) for key in page], **about))

    @post("/", operation_id="createSSHKey", status_code=201, summary="Create an ssh key",
          responses=wire.ANY_ERROR | wire.shown(SshKeyOut, "created", 201))  # fmt: skip
    async def create(self, request: Call, data: JSONBody[CreateBody]) -> Response[bytes]:
        return await wire.mutate(request, ssh_keys.create(parse_create(data)), show_bare, 201)

    @get("/{ssh_key_id:str}", operation_id="getSSHKey", summary="Get an ssh key",
         responses=wire.ANY_ERROR | wire.shown(SshKeyOut, "the key"))  # fmt: skip
    async def read(self, request: Call, ssh_key_id: FromPath[str]) -> Response[bytes]:
        caller, reference = caller_of(request), wire.native_id(ids.SSH_KEY, ssh_key_id)
        require(caller, "read")
        rows = services_of(request).store.read().ssh_keys
        key = await references.get(rows, caller.project_id, reference, ssh_keys.NOUN)
        return wire.answer(show(key))

    @patch("/{ssh_key_id:str}", operation_id="updateSSHKey", summary="Update an ssh key",
           responses=wire.ANY_ERROR | wire.shown(SshKeyOut, "as it now is"))  # fmt: skip
    async def update(
        self, request: Call, ssh_key_id: FromPath[str], data: JSONBody[UpdateBody]
    ) -> Response[bytes]:
        reference = wire.native_id(ids.SSH_KEY, ssh_key_id)
        use_case = ssh_keys.update(reference, Update(name=data.name), None)
        return await wire.mutate(request, use_case, show_bare)

    @delete("/{ssh_key_id:str}", operation_id="deleteSSHKey", status_code=204,
            summary="Delete an ssh key", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, ssh_key_id: FromPath[str]) -> Response[None]:
        reference = wire.native_id(ids.SSH_KEY, ssh_key_id)
        use_case = owned.delete(lambda tx: tx.ssh_keys, ssh_keys.NOUN, reference)
        return await wire.gone(request, use_case)
