"""All APIs of the registry: Atoll's own, whose documents the dialects make, and added ones.

What is made of a document is kept for as long as the document stays the same.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

import msgspec

from atoll.domain.apis import Api, ApiVersion
from atoll.domain.errors import NotFound
from atoll.service import apis, tools
from atoll.service.desk import View
from atoll.service.tools import Spec

KEPT_MAX = 64
CLOUD = "cloud"


@dataclass(frozen=True)
class Own:
    """An API of Atoll's own: what it is called, below which path it is served, and its document."""

    name: str
    display_name: str
    prefix: str
    document: Callable[[], bytes]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An API in one version. `base_url` of Atoll's own is a path, for they are where they are
    asked about. `numbers` are those of all its versions."""

    name: str
    display_name: str
    category: str
    version: str
    base_url: str
    numbers: tuple[int, ...]
    number: int
    added: ApiVersion | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.added.document_id if self.added else ""


class ApiIndex:
    """`own` by their names."""

    def __init__(self, own: Mapping[str, Own]) -> None:
        self._own = own
        self._specs: dict[tuple[str, str], Spec] = {}
        self._answers: dict[tuple[str, str, str], bytes] = {}

    async def entries(self, view: View) -> list[Entry]:
        added = [entry_of(api, api.newest) for api in await apis.list_all(view)]
        return [*(own_entry(own) for own in self._own.values()), *added]

    async def entry(self, view: View, name: str, number: int | None = None) -> Entry:
        """Raises NotFound, of a version too."""
        if name in self._own:
            entry = own_entry(self._own[name])
            if number not in {None, entry.number}:
                raise NotFound(f"{name} has only the version {entry.number}")
            return entry
        api = await apis.get(view, name)
        wanted = api.newest.number if number is None else number
        version = next((one for one in api.versions if one.number == wanted), None)
        if version is None:
            raise NotFound(f"{name} has no version {number}")
        return entry_of(api, version)

    async def document(self, view: View, entry: Entry) -> bytes:
        if entry.added is not None:
            return await apis.read_document(view, entry.added)
        return self._own[entry.name].document()

    async def spec(self, view: View, entry: Entry) -> Spec:
        known = self._specs.get(entry.key)
        if known is None:
            text = await self.document(view, entry)
            known = await asyncio.to_thread(tools.spec_of, text)
            keep(self._specs, entry.key, known)
        return known

    async def answer(self, view: View, entry: Entry, origin: str) -> bytes:
        """To who asks for the whole API, as the registry's clients read it."""
        base_url = entry.base_url if entry.added else f"{origin}{entry.base_url}"
        key = (*entry.key, base_url)
        known = self._answers.get(key)
        if known is None:
            spec = await self.spec(view, entry)
            known = await asyncio.to_thread(answer_of, entry, spec, base_url)
            keep(self._answers, key, known)
        return known


def own_entry(own: Own) -> Entry:
    return Entry(
        name=own.name, display_name=own.display_name, category=CLOUD, version="",
        base_url=own.prefix, numbers=(1,), number=1,
    )  # fmt: skip


def entry_of(api: Api, version: ApiVersion) -> Entry:
    return Entry(
        name=api.name, display_name=api.display_name or version.title, category=api.category,
        version=version.version, base_url=version.base_url, added=version,
        numbers=tuple(one.number for one in api.versions), number=version.number,
    )  # fmt: skip


def answer_of(entry: Entry, spec: Spec, base_url: str) -> bytes:
    made: dict[str, Any] = resolve_name("ocp_agent.pages:registry_answer")(
        spec, entry.name, entry.display_name
    )
    said = {"base_url": base_url, "category": entry.category, "version": spec.version}
    return msgspec.json.encode(made | said | {"versions": entry.numbers})


def keep(kept: dict[Any, Any], key: Any, value: Any) -> None:
    if len(kept) >= KEPT_MAX:
        kept.clear()
    kept[key] = value
