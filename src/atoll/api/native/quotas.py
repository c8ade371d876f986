"""`/v1/quota` of the caller's project, and `/v1/projects/{project_id}/quota` for administrators."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, get, put
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from atoll.api.http import Call, json_response
from atoll.api.native import wire
from atoll.api.native.wire import Wire, view_of
from atoll.domain.commands import SetQuota
from atoll.domain.quotas import Quota
from atoll.service import quotas

Limit = Annotated[int, Meta(ge=0, le=2**53)]


class Limits(Wire, kw_only=True):
    """A limit that is null or omitted means unlimited, or the default: 500 images and startup
    scripts, 5,000 ssh keys, 2,000 security groups and VPCs, 4,000 subnets. Memory is in MiB, disks
    are in GiB; images count as disks."""

    instances: Limit | None = None
    vcpus: Limit | None = None
    memory_mb: Limit | None = None
    disk_gb: Limit | None = None
    volumes: Limit | None = None
    snapshots: Limit | None = None
    floating_ips: Limit | None = None
    images: Limit | None = None
    startup_scripts: Limit | None = None
    ssh_keys: Limit | None = None
    security_groups: Limit | None = None
    vpcs: Limit | None = None
    subnets: Limit | None = None


class Used(msgspec.Struct, kw_only=True):
    instances: int
    vcpus: int
    memory_mb: int
    disk_gb: int
    volumes: int
    snapshots: int
    floating_ips: int
    images: int
    startup_scripts: int
    ssh_keys: int
    security_groups: int
    vpcs: int
    subnets: int


class QuotaOut(msgspec.Struct, kw_only=True):
    project_id: str
    used: Used
    limits: Limits


class LimitsBody(Wire, kw_only=True):
    limits: Limits


# The native dialect's names of the counted resources.
WORDS = {"memory_mib": "memory_mb", "disk_gib": "disk_gb"}
NAMES = {word: name for name, word in WORDS.items()}


def show(quota: Quota) -> QuotaOut:
    used = msgspec.structs.asdict(quota.used)
    return QuotaOut(
        project_id=quota.project_id,
        used=Used(**{WORDS.get(name, name): amount for name, amount in used.items()}),
        limits=Limits(**{WORDS.get(name, name): most for name, most in quota.limits.items()}),
    )


def parse_limits(body: LimitsBody) -> dict[str, int]:
    given = msgspec.structs.asdict(body.limits)
    return {NAMES.get(word, word): most for word, most in given.items() if most is not None}


class Quotas(Controller):
    tags = ("Quotas",)

    @get("/quota", operation_id="getQuota", summary="Get the project's quota and usage",
         responses=wire.READS | wire.shown(QuotaOut, "usage and limits"))  # fmt: skip
    async def read(self, request: Call) -> Response[bytes]:
        quota = await quotas.get(view_of(request))
        return json_response(wire.encode(show(quota)))

    @get("/projects/{project_id:str}/quota", operation_id="getProjectQuota",
         summary="Get a project's quota and usage",
         responses=wire.READS | wire.shown(QuotaOut, "usage and limits"))  # fmt: skip
    async def read_of(self, request: Call, project_id: FromPath[str]) -> Response[bytes]:
        quota = await quotas.get_of(view_of(request), project_id)
        return json_response(wire.encode(show(quota)))

    @put("/projects/{project_id:str}/quota", operation_id="limitProject", commands=(SetQuota,),
         summary="Set a project's quota",
         responses=wire.WRITES | wire.shown(QuotaOut, "updated"))  # fmt: skip
    async def limit(
        self, request: Call, project_id: FromPath[str], data: JSONBody[LimitsBody]
    ) -> Response[bytes]:
        command = SetQuota(project=project_id, limits=parse_limits(data))
        return await wire.mutate(request, show, command)
