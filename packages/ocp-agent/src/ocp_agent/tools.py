"""Tools and APIs, as callers see them.

Parameters and schemas are computed on first access and cached. Both are values: they do not change
after creation, except for the name under which an API is registered.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from ocp_agent.document import Document, decoded
from ocp_agent.keywords import Schema
from ocp_agent.limits import SCHEMA_NODES
from ocp_agent.pending import Awaitable
from ocp_agent.schemas import Schemas
from ocp_agent.shapes import Parameter, Shape, entry_of, in_type, shape_of_entries

READING = frozenset({"GET", "HEAD", "OPTIONS", "QUERY"})


class OCPTool:
    """One operation of an API."""

    def __init__(
        self,
        name: str,
        description: str,
        method: str,
        path: str,
        parameters: Mapping[str, Any] | None = None,
        response_schema: Schema | None = None,
        operation_id: str | None = None,
        tags: Sequence[str] | None = None,
    ) -> None:
        self.name = name
        self.description = description
        self.method = method.upper()
        self.path = path
        self.operation_id = operation_id
        self.tags = list(tags or ())
        self.deprecated = False
        self.schemas = Schemas(Document(b"{}"))
        self._in_media_types: dict[str, OCPTool] = {}
        entries = dict(parameters or {})
        self._find_shape: Callable[[str], Shape] = lambda media_type: in_type(
            shape_of_entries(entries, path, response_schema), media_type
        )

    @classmethod
    def found(cls, name: str, description: str, method: str, path: str, find: "Found") -> "OCPTool":
        """Create a tool of a document; its shape is computed later."""
        tool = cls(name, description, method, path, None, None, find.operation_id, find.tags)
        tool.deprecated = find.deprecated
        tool.schemas, tool._find_shape = find.schemas, find.shape
        return tool

    @cached_property
    def shape(self) -> Shape:
        return self._find_shape("")

    def in_media_type(self, media_type: str) -> "OCPTool":
        """Return the tool with the parameters of another media type of its body."""
        tool = self._in_media_types.get(media_type)
        if tool is None:
            about = self.name, self.description, self.method, self.path
            tool = OCPTool(*about, operation_id=self.operation_id, tags=self.tags)
            tool.schemas = self.schemas
            tool._find_shape = lambda _: self._find_shape(media_type)
            self._in_media_types[media_type] = tool
        return tool

    @cached_property
    def by_place(self) -> dict[tuple[str, str], Parameter]:
        """Parameters by location and wire name."""
        return {(one.location, one.name): one for one in self.shape.parameters}

    @cached_property
    def _shown(self) -> dict[str, Schema]:
        """Schemas of the parameters, which share the display limit of a tool."""
        each = SCHEMA_NODES // max(len(self.shape.parameters), 1)
        return {one.key: self.schemas.shown(one.schema, each) for one in self.shape.parameters}

    @cached_property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """Entries by key, with `description`, `required`, `location`, `type` and others."""
        return {
            one.key: entry_of(one, self._shown[one.key], self.shape.body)
            for one in self.shape.parameters
        }

    @property
    def response_schema(self) -> Schema | None:
        return self.shape.response_schema

    @cached_property
    def input_schema(self) -> Schema:
        """One JSON Schema of all arguments, for models."""
        required = [one.key for one in self.shape.parameters if one.required]
        properties = {one.key: self._shown_to_models(one) for one in self.shape.parameters}
        return {"type": "object", "properties": properties, "required": required}

    def _shown_to_models(self, parameter: Parameter) -> Schema:
        schema = self._shown[parameter.key]
        return {**schema, "description": parameter.description} if parameter.description else schema

    @property
    def is_reading(self) -> bool:
        return self.method in READING

    def to_dict(self) -> dict[str, Any]:
        """Build the entry of a registry."""
        return {
            "name": self.name,
            "description": self.description,
            "method": self.method,
            "path": self.path,
            "parameters": self.parameters,
            "response_schema": self.response_schema,
            "operation_id": self.operation_id,
            "tags": self.tags,
        }

    def __repr__(self) -> str:
        return f"OCPTool({self.name}: {self.method} {self.path})"


class Found(msgspec.Struct, frozen=True):
    """The facts that discovery knows about a tool."""

    operation_id: str | None
    tags: list[str]
    deprecated: bool
    schemas: Schemas
    shape: Callable[[str], Shape]  # in a media type of its body


class WithRawSpec(type(msgspec.Struct)):  # type: ignore[misc]
    """Accepts the document as `raw_spec`, in Python objects, when an API is created by hand."""

    def __call__(cls, *values: Any, raw_spec: Any = None, **named: Any) -> Any:
        if raw_spec is not None:
            named["document"] = Document(msgspec.json.encode(raw_spec))
        return super().__call__(*values, **named)


class OCPAPISpec(Awaitable, msgspec.Struct, metaclass=WithRawSpec, dict=True):
    """An API: its base URL and its tools."""

    base_url: str
    title: str
    version: str
    description: str
    tools: list[OCPTool]
    document: Document = msgspec.field(default_factory=lambda: Document(b"{}"))
    name: str | None = None
    security_schemes: dict[str, Any] = {}
    security: tuple[dict[str, list[str]], ...] = ()
    is_checked: bool = True  # arguments are checked, unless a call says otherwise
    is_placed: bool = False  # base_url is the caller's own, and wins over all servers

    @cached_property
    def raw_spec(self) -> dict[str, Any]:
        """The complete document as Python objects; slow for large documents."""
        whole = decoded(self.document.data)
        return whole if isinstance(whole, dict) else {}

    @cached_property
    def tool_of(self) -> dict[str, OCPTool]:
        return {tool.name: tool for tool in self.tools}

    @cached_property
    def wants_context(self) -> bool:
        """False if the document declares that the API does not use the protocol."""
        info = self.document.get("info")
        return not isinstance(info, dict) or info.get("x-ocp-enabled") is not False
