"""Handles commands on the additional APIs of the registry. They belong to no project: operators add
them, and all callers see them."""

import asyncio
import hashlib
import zlib

from atoll.domain import ids
from atoll.domain.apis import VERSIONS_MAX, Api, ApiDocument, ApiVersion, require_name
from atoll.domain.commands import AddApi, RemoveApi
from atoll.domain.errors import Invalid, NotFound
from atoll.domain.images import CATALOGUE
from atoll.domain.reasons import Reason
from atoll.domain.urls import is_web
from atoll.ports import Filter
from atoll.service import references
from atoll.service.desk import Case, Done, View
from atoll.service.nouns import APIS
from atoll.service.tools import Spec, spec_of

APIS_MAX = 1000


async def add(case: Case, command: AddApi) -> Done[Api]:
    """Add an API, or a new version if the name is known. An unchanged document changes nothing."""
    require_name(command.name)
    # Reading a large document takes long, so let other requests run meanwhile.
    spec = await asyncio.to_thread(spec_of, command.document)
    known = await find(case, command.name)
    number = known.newest.number + 1 if known else 1
    url = base_url_of(command, spec, known)
    new = version_of(case, command, spec, number, url)
    if known is None:
        return await add_first(case, command, new)
    if known.newest.digest == new.digest and known.newest.base_url == new.base_url:
        return Done(known, changed=False)
    return add_version(case, known, command, new, await versions_to_delete(case, known))


def base_url_of(command: AddApi, spec: Spec, known: Api | None) -> str:
    """Return the given base URL, otherwise that of the document, otherwise the previous one. Raises
    Invalid."""
    field, said = "base_url", command.base_url
    if said:
        if not is_web(said):
            raise Invalid(Reason.NOT_A_WEB_ADDRESS, field=field, value=said)
        return said
    if is_web(spec.base_url):
        return spec.base_url
    if known is not None:
        return known.newest.base_url
    raise Invalid(Reason.API_WITHOUT_SERVER, field=field)


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


async def add_first(case: Case, command: AddApi, new: ApiVersion) -> Done[Api]:
    await references.require_free_name(case, APIS, command.name, CATALOGUE)
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
    return Done(api, after={"name": api.name, "digest": new.digest})


async def versions_to_delete(case: Case, known: Api) -> list[ApiDocument]:
    """Return the documents to delete when one more version is added."""
    leaving = known.versions[: len(known.versions) + 1 - VERSIONS_MAX]
    found = [await case.tx.api_documents.find(old.document_id) for old in leaving]
    return [document for document in found if document is not None]


def add_version(
    case: Case, known: Api, command: AddApi, new: ApiVersion, leaving: list[ApiDocument]
) -> Done[Api]:
    keep(case, command, new)
    for document in leaving:
        case.tx.api_documents.remove(document)
    changed = case.tx.apis.change(
        known,
        versions=(*known.versions, new)[-VERSIONS_MAX:],
        display_name=command.display_name or known.display_name,
        category=command.category or known.category,
    )
    return Done(changed, before={"digest": known.newest.digest}, after={"digest": new.digest})


def keep(case: Case, command: AddApi, new: ApiVersion) -> None:
    compressed = zlib.compress(command.document)
    case.tx.api_documents.add(ApiDocument(id=new.document_id, compressed=compressed))


async def remove(case: Case, command: RemoveApi) -> Done[Api]:
    api = await get(case, command.api)
    for version in api.versions:
        document = await case.tx.api_documents.find(version.document_id)
        if document is not None:
            case.tx.api_documents.remove(document)
    case.tx.apis.remove(api)
    return Done(api, before={"name": api.name})


async def list_all(view: View) -> list[Api]:
    return await view.tx.apis.page(Filter(project_id=CATALOGUE, limit=APIS_MAX))


async def find(view: View, reference: str) -> Api | None:
    return await references.find(view, APIS, reference, CATALOGUE)


async def get(view: View, reference: str) -> Api:
    """Raises NotFound."""
    api = await find(view, reference)
    if api is None:
        raise NotFound(Reason.NOT_FOUND, noun=APIS.name, reference=reference)
    return api


async def read_document(view: View, version: ApiVersion) -> bytes:
    return zlib.decompress((await view.tx.api_documents.get(version.document_id)).compressed)
