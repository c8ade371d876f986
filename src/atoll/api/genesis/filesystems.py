"""`/compute/v1/filesystems`: an empty list. File systems cannot be created.

Guests would mount a network file system from a server, which Atoll does not have. Clients that read
all lists work with an empty one.
"""

from typing import Any

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from atoll.api.genesis import wire
from atoll.api.genesis.wire import Page, Paging, view_of
from atoll.api.http import Call
from atoll.domain.errors import Invalid, NotFound

WHY = "file systems are not served here: create a volume and attach it to an instance"


class FilesystemList(Page, kw_only=True):
    """Always empty."""

    filesystems: list[dict[str, Any]]


class FilesystemBody(msgspec.Struct, kw_only=True):
    name: str | None = None


def missing(request: Call, filesystem_id: str) -> NotFound:
    view_of(request).require("read")
    return NotFound(f"there is no file system {filesystem_id}: {WHY}")


class Filesystems(Controller):
    path = "/filesystems"
    tags = ("filesystems",)

    @get("/", operation_id="listFilesystems", summary="List file systems (none)",
         responses=wire.ANY_ERROR | wire.shown(FilesystemList, "nothing"))  # fmt: skip
    async def page(self, request: Call, paging: NamedDependency[Paging]) -> Response[bytes]:
        view_of(request).require("read")
        return wire.answer(FilesystemList(filesystems=[], **wire.about_page(paging, 0)))

    @post("/", operation_id="createFilesystem", status_code=201, summary="Create a file system",
          responses=wire.ANY_ERROR)  # fmt: skip
    async def create(self, request: Call, data: JSONBody[FilesystemBody]) -> Response[bytes]:
        view_of(request).require("write")
        raise Invalid(WHY)

    @get("/{filesystem_id:str}", operation_id="getFilesystem", summary="Get a file system",
         responses=wire.ANY_ERROR)  # fmt: skip
    async def read(self, request: Call, filesystem_id: FromPath[str]) -> Response[bytes]:
        raise missing(request, filesystem_id)

    @patch("/{filesystem_id:str}", operation_id="updateFilesystem", summary="Update a file system",
           responses=wire.ANY_ERROR)  # fmt: skip
    async def update(
        self, request: Call, filesystem_id: FromPath[str], data: JSONBody[FilesystemBody]
    ) -> Response[bytes]:
        raise missing(request, filesystem_id)

    @delete("/{filesystem_id:str}", operation_id="deleteFilesystem", status_code=204,
            summary="Delete a file system", responses=wire.ANY_ERROR)  # fmt: skip
    async def remove(self, request: Call, filesystem_id: FromPath[str]) -> Response[None]:
        raise missing(request, filesystem_id)
