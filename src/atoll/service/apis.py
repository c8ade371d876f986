"""Use cases of the registry's further APIs. They belong to nobody: operators add them, and whoever
reaches the server sees them."""

import hashlib
import zlib
from collections.abc import Awaitable, Callable

from atoll.domain import ids
from atoll.domain.apis import VERSIONS_MAX, Api, ApiDocument, ApiVersion, require_name
from atoll.domain.commands import AddApi
from atoll.domain.errors import Invalid, NotFound
from atoll.domain.images import CATALOGUE
from atoll.ports import Filter, Transaction
from atoll.service import references
from atoll.service.desk import Accepted, Case
from atoll.service.tools import Spec

NOUN = "API"
APIS_MAX = 1000
WEB = ("http://", "https://")


def add(command: AddApi, spec: Spec) -> Callable[[Case], Awaitable[Accepted[Api]]]:
    """A new version where the name is known. The same document again changes nothing. `spec` is
    what the document says, which takes too long to be read here."""

    async def use_case(case: Case) -> Accepted[Api]:
        case.require("operate")
        require_name(command.name, "metadata.name")
        known = await find(case.tx, command.name)
        number = known.newest.number + 1 if known else 1
        url = base_url_of(command, spec, known)
        new = version_of(case, command, spec, number, url)
        if known is None:
            return Accepted(await added(case, command, new))
        if known.newest.digest == new.digest and known.newest.base_url == new.base_url:
            return Accepted(known)
        return Accepted(await grown(case, known, command, new))

    return use_case


def base_url_of(command: AddApi, spec: Spec, known: Api | None) -> str:
    """As it is said, else as the document says it, else as it was before. Raises Invalid."""
    field, said = "spec.base_url", command.base_url
    if said:
        if not said.startswith(WEB):
            raise Invalid(f"{field}: {said} is not an address: http://… or https://…", field=field)
        return said
    if spec.base_url.startswith(WEB):
        return spec.base_url
    if known is not None:
        return known.newest.base_url
    raise Invalid(
        f"{field}: the document names no server with a host: say where the API is", field=field
    )


def version_of(case: Case, command: AddApi, spec: Spec, number: int, base_url: str) -> ApiVersion:
    return ApiVersion(
        number=number,
        document_id=case.ids.new(ids.API_DOCUMENT),
        title=spec.title,
        version=spec.version,
        description=spec.description,
        base_url=base_url,
        tools=len(spec.tools),
        digest=f"sha256:{hashlib.sha256(command.document).hexdigest()}",
        added_at_ms=case.now_ms,
    )


async def added(case: Case, command: AddApi, new: ApiVersion) -> Api:
    await references.require_free_name(case.tx.apis, CATALOGUE, command.name, NOUN)
    keep(case, command, new)
    api = Api(
        id=case.ids.new(ids.API),
        project_id=CATALOGUE,
        name=command.name,
        display_name=command.display_name,
        category=command.category,
        versions=(new,),
        created_at_ms=case.now_ms,
    )
    case.tx.apis.add(api)
    case.audit("api.add", api.id, after={"name": api.name, "digest": new.digest})
    return api


async def grown(case: Case, known: Api, command: AddApi, new: ApiVersion) -> Api:
    keep(case, command, new)
    every = (*known.versions, new)
    for old in every[:-VERSIONS_MAX]:
        await forget(case, old)
    changed = case.tx.apis.change(
        known,
        versions=every[-VERSIONS_MAX:],
        display_name=command.display_name or known.display_name,
        category=command.category or known.category,
    )
    before, after = {"digest": known.newest.digest}, {"digest": new.digest}
    case.audit("api.add", known.id, before=before, after=after)
    return changed


def keep(case: Case, command: AddApi, new: ApiVersion) -> None:
    compressed = zlib.compress(command.document)
    case.tx.api_documents.add(ApiDocument(id=new.document_id, compressed=compressed))


async def forget(case: Case, old: ApiVersion) -> None:
    document = await case.tx.api_documents.find(old.document_id)
    if document is not None:
        case.tx.api_documents.remove(document)


def remove(reference: str) -> Callable[[Case], Awaitable[Accepted[Api]]]:
    async def use_case(case: Case) -> Accepted[Api]:
        case.require("operate")
        api = await get(case.tx, reference)
        for version in api.versions:
            await forget(case, version)
        case.tx.apis.remove(api)
        case.audit("api.remove", api.id, before={"name": api.name})
        return Accepted(api)

    return use_case


async def every(tx: Transaction) -> list[Api]:
    return await tx.apis.page(Filter(project_id=CATALOGUE, limit=APIS_MAX))


async def find(tx: Transaction, reference: str) -> Api | None:
    return await references.find(tx.apis, CATALOGUE, reference, NOUN)


async def get(tx: Transaction, reference: str) -> Api:
    api = await find(tx, reference)
    if api is None:
        raise NotFound(f"{NOUN} not found: {reference}")
    return api


async def text_of(tx: Transaction, version: ApiVersion) -> bytes:
    """Its document."""
    return zlib.decompress((await tx.api_documents.get(version.document_id)).compressed)
