"""Builds an API from a document: its operations, their names and their URLs.

Parameters and responses are read later (`parameters`): an agent calls five of GitHub's 1,200 tools.
Reads files and URLs; each document is read only once.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

import msgspec
from msgspec.structs import replace

from ocp_agent.document import Branch, Document, branch_of, decoded, read_document
from ocp_agent.errors import SchemaDiscoveryError
from ocp_agent.lazily import HTTPX, Lazily
from ocp_agent.limits import DOCUMENT_BYTES
from ocp_agent.names import OperationKey, plain_name, unique_names
from ocp_agent.pages import documentation_of
from ocp_agent.parameters import security_of, server_of, shape_of
from ocp_agent.raw import dict_at, text_at
from ocp_agent.schemas import Schemas
from ocp_agent.search import search
from ocp_agent.shapes import SLOT, Shape
from ocp_agent.tools import Found, OCPAPISpec, OCPTool

if TYPE_CHECKING:
    import httpx2
else:
    httpx2 = Lazily(HTTPX)

METHODS = ("get", "post", "put", "patch", "delete", "query")
UNTITLED, UNVERSIONED = "Unknown API", "1.0.0"
FETCH_TIMEOUT_S = 30.0
UNDESCRIBED = "No description provided"

log = logging.getLogger("ocp_agent")


class Head(msgspec.Struct):
    """The fields needed to list an operation. They are not always text."""

    operationId: Any = None  # noqa: N815 -- OpenAPI's word
    summary: Any = None
    description: Any = None
    tags: Any = None
    deprecated: Any = None


class Operation(msgspec.Struct, frozen=True):
    key: OperationKey
    head: Head
    raw: msgspec.Raw
    item: Branch


class OCPSchemaDiscovery:
    """Reads documents, and caches them by source."""

    def __init__(self, timeout_s: float = FETCH_TIMEOUT_S) -> None:
        self.cached_specs: dict[str, OCPAPISpec] = {}
        self._timeout_s = timeout_s

    def discover_api(
        self,
        spec_path: str | Path,
        base_url: str | None = None,
        include_resources: Sequence[str] | None = None,
        path_prefix: str | None = None,
        *,
        known_names: Mapping[OperationKey, str] | None = None,
    ) -> OCPAPISpec:
        """Read an API from a URL, `file://…` or a path. `known_names` of tools are kept."""
        where = source_of(spec_path)
        spec = self.cached_specs.get(where)
        if spec is None:
            spec = self.cached_specs[where] = spec_of(self.fetch(where), where, known_names)
        if base_url:
            spec = replace(spec, base_url=base_url, is_placed=True)
        if include_resources:
            spec = replace(spec, tools=with_resources(spec.tools, include_resources, path_prefix))
        return spec

    def fetch(self, where: str) -> Document:
        return read_document(self._bytes_of(where), where)

    def _bytes_of(self, where: str) -> bytes:
        try:
            url = urlsplit(where)
            if url.scheme in {"http", "https"}:
                return self._fetched(where)
            return Path(where).read_bytes()
        except FileNotFoundError as error:
            raise SchemaDiscoveryError(
                f"The document {where} cannot be read. File not found"
            ) from error
        except (OSError, ValueError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise SchemaDiscoveryError(f"The document {where} cannot be read: {error}") from error

    def _fetched(self, url: str) -> bytes:
        """Read a document up to the size limit plus one byte, which means that it is too large."""
        with httpx2.stream("GET", url, timeout=self._timeout_s, follow_redirects=True) as answer:
            answer.raise_for_status()
            content = bytearray()
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > DOCUMENT_BYTES:
                    break
        return bytes(content)

    def forget(self, spec_path: str | Path) -> None:
        """Read the document again when it is needed."""
        self.cached_specs.pop(source_of(spec_path), None)

    def get_tools_by_tag(self, api_spec: OCPAPISpec, tag: str) -> list[OCPTool]:
        return [tool for tool in api_spec.tools if tag in tool.tags]

    def search_tools(self, api_spec: OCPAPISpec, query: str) -> list[OCPTool]:
        return search(api_spec.tools, query)

    def generate_tool_documentation(self, tool: OCPTool) -> str:
        return documentation_of(tool)

    def clear_cache(self) -> None:
        self.cached_specs.clear()


def source_of(spec_path: str | Path) -> str:
    """Return the URL of a document, or its whole path, however it is written."""
    where = str(spec_path)
    if where.startswith("file:"):
        where = unquote(urlsplit(where).path)
    if "://" in where or "\0" in where:
        return where
    return str(Path(where).expanduser().absolute().resolve())


def spec_of(
    document: Document, where: str = "", known_names: Mapping[OperationKey, str] | None = None
) -> OCPAPISpec:
    """Build the API of a document. `where` is its source, the base of relative URLs."""
    info = document.get("info")
    components = document.branch("components")
    schemes = components.get("securitySchemes") or document.branch().get("securityDefinitions")
    known_schemes = decoded(schemes) if schemes is not None else {}
    return OCPAPISpec(
        base_url=base_url_of(document, where),
        title=text_at(info, "title") or UNTITLED,
        version=str(dict_at({"info": info}, "info").get("version", UNVERSIONED)),
        description=text_at(info, "description"),
        tools=tools_of(document, known_names or {}),
        document=document,
        security_schemes=known_schemes if isinstance(known_schemes, dict) else {},
        security=security_of(document.get("security")) or (),
    )


def tools_of(document: Document, known_names: Mapping[OperationKey, str]) -> list[OCPTool]:
    api = Schemas(document)
    operations = {one.key: one for one in operations_of(document)}
    plain = [(key, plain_name(one.head.operationId, key)) for key, one in operations.items()]
    names = unique_names(plain, known_names)
    return [tool_of(one, names[key], api) for key, one in operations.items()]


def operations_of(document: Document) -> Iterator[Operation]:
    methods = METHODS if document.version == "3.2" else METHODS[:-1]
    for path, raw_item in document.branch("paths").items():
        item = branch_of(raw_item)
        if "$ref" in item:
            pointer = decoded(item["$ref"])
            referred = document.at(pointer) if isinstance(pointer, str) else None
            there = referred if isinstance(referred, dict) else {}
            item = {**branch_of(msgspec.json.encode(there)), **item}
        further = item.get("additionalOperations") if document.version == "3.2" else None
        every = {**item, **(branch_of(further) if further is not None else {})}
        for method, raw in every.items():
            if method not in methods and (further is None or method in item):
                continue
            try:
                head = msgspec.convert(decoded(raw), Head)
            except msgspec.ValidationError:
                log.warning("%s %s is no operation, and is left out", method.upper(), path)
                continue
            yield Operation(OperationKey(method.upper(), path), head, raw, item)


def tool_of(operation: Operation, name: str, api: Schemas) -> OCPTool:
    head, (method, path) = operation.head, operation.key
    texts = [text for text in (head.summary, head.description) if text and isinstance(text, str)]
    tags = head.tags if isinstance(head.tags, list) else []
    found = Found(
        operation_id=head.operationId if isinstance(head.operationId, str) else None,
        tags=[tag for tag in tags if isinstance(tag, str)],
        deprecated=head.deprecated is True,
        schemas=api,
        shape=partial(find_shape, operation, api),
    )
    return OCPTool.found(name, texts[0] if texts else UNDESCRIBED, method, path, found)


def find_shape(operation: Operation, api: Schemas, media_type: str = "") -> Shape:
    whole = decoded(operation.raw)
    beside = {key: operation.item.get(key) for key in ("parameters", "servers")}
    item = {key: decoded(raw) for key, raw in beside.items() if raw is not None}
    for key in ("consumes", "produces"):
        if key not in whole and (said := api.document.get(key)) is not None:
            whole[key] = said
    return shape_of(whole, item, operation.key.path, api, media_type)


def base_url_of(document: Document, where: str) -> str:
    """Return the URL of the first server; without a host, relative to the source."""
    if document.version.startswith("2"):
        schemes = [one for one in document.get("schemes") or () if isinstance(one, str)]
        scheme = "https" if not schemes or "https" in schemes else schemes[0]
        host, path = document.get("host"), document.get("basePath")
        path = path if isinstance(path, str) else ""
        said = f"{scheme}://{host}{path}" if isinstance(host, str) else path
    else:
        said = server_of({"servers": document.get("servers")}) or ""
    if urlsplit(where).scheme in {"http", "https"} and not urlsplit(said).netloc:
        said = urljoin(where, said or "/")
    return f"https:{said}".rstrip("/") if said.startswith("//") else said.rstrip("/")


def with_resources(
    tools: Sequence[OCPTool], resources: Sequence[str], path_prefix: str | None
) -> list[OCPTool]:
    """Select tools whose path, after the prefix, starts with one of the resources."""
    wanted = {one.lower() for one in resources}
    return [tool for tool in tools if resource_of(tool.path, path_prefix) in wanted]


def resource_of(path: str, path_prefix: str | None = None) -> str:
    if path_prefix:
        path = path.removeprefix("/" + path_prefix.strip("/"))
    parts = [part for part in path.replace(".", "/").split("/") if part]
    return next((part.lower() for part in parts if not SLOT.fullmatch(part)), "")
