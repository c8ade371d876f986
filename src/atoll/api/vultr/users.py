"""`/v2/users`: an empty list. API keys give access."""

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from atoll.api.vultr import wire
from atoll.api.vultr.wire import Meta, Paging
from atoll.domain.errors import Invalid

WHY = "Users are not supported: create an API key for each person with POST /v1/api-keys"
PATH = "/{user_id:str}"


class UserList(msgspec.Struct, kw_only=True):
    users: list[str]
    meta: Meta


class Users(Controller):
    path = "/users"
    tags = ("users",)

    @get("/", operation_id="list-users", summary="Get Users",
         responses=wire.ANY_ERROR | wire.shown(UserList, "an empty page"))  # fmt: skip
    async def page(self, paging: NamedDependency[Paging]) -> Response[bytes]:
        _, meta = wire.part_of([], paging)
        return wire.answer(UserList(users=[], meta=meta))

    @post("/", operation_id="create-user", summary="Create User", responses=wire.ANY_ERROR)
    async def create(self) -> Response[None]:
        raise Invalid(WHY)

    @get(PATH, operation_id="get-user", summary="Get User", responses=wire.ANY_ERROR)
    async def read(self, user_id: FromPath[str]) -> Response[None]:
        raise Invalid(WHY)

    @patch(PATH, operation_id="update-user", summary="Update User", responses=wire.ANY_ERROR)
    async def update(self, user_id: FromPath[str]) -> Response[None]:
        raise Invalid(WHY)

    @delete(PATH, operation_id="delete-user", status_code=204, summary="Delete User",
            responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, user_id: FromPath[str]) -> Response[None]:
        raise Invalid(WHY)
