"""A tool and the API that it belongs to, as callers see them.

What takes work (parameters, schemas) is found when somebody first looks, and kept. Both are values:
nobody changes them after they are made, but for the name that an API is registered under.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from ocp_agent.document import Document
from ocp_agent.limits import SCHEMA_NODES
from ocp_agent.pending import Awaitable
from ocp_agent.schemas import Schema, Schemas
from ocp_agent.shapes import Parameter, Shape, entry_of, shape_of_entries

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
        entries = dict(parameters or {})
        self._find_shape: Callable[[], Shape] = lambda: shape_of_entries(
            entries, path, response_schema
        )

    @classmethod
    def found(cls, name: str, description: str, method: str, path: str, find: "Found") -> "OCPTool":
        """One of a document, whose shape is found later."""
        tool = cls(name, description, method, path, None, None, find.operation_id, find.tags)
        tool.deprecated = find.deprecated
        tool.schemas, tool._find_shape = find.schemas, find.shape
        return tool

    @cached_property
    def shape(self) -> Shape:
        return self._find_shape()

    @cached_property
    def by_place(self) -> dict[tuple[str, str], Parameter]:
        """Each parameter by where it goes and its name there."""
        return {(one.location, one.name): one for one in self.shape.parameters}

    @cached_property
    def _shown(self) -> dict[str, Schema]:
        """The parameters' schemas, which share what may be shown of a tool."""
        each = SCHEMA_NODES // max(len(self.shape.parameters), 1)
        return {one.key: self.schemas.shown(one.schema, each) for one in self.shape.parameters}

    @cached_property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """Each key with `description`, `required`, `location`, `type` and what else is known."""
        return {
            one.key: entry_of(one, self._shown[one.key], self.shape.body)
            for one in self.shape.parameters
        }

    @property
    def response_schema(self) -> Schema | None:
        return self.shape.response_schema

    @cached_property
    def input_schema(self) -> Schema:
        """One JSON Schema of all arguments, as models want it."""
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
        """As a registry says it."""
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
    """What discovery knows of a tool beside its name."""

    operation_id: str | None
    tags: list[str]
    deprecated: bool
    schemas: Schemas
    shape: Callable[[], Shape]


class OCPAPISpec(Awaitable, msgspec.Struct, dict=True):
    """An API: where it is, and its tools."""

    base_url: str
    title: str
    version: str
    description: str
    tools: list[OCPTool]
    document: Document = msgspec.field(default_factory=lambda: Document(b"{}"))
    name: str | None = None
    security_schemes: dict[str, Any] = {}
    security: tuple[dict[str, list[str]], ...] = ()

    @cached_property
    def raw_spec(self) -> dict[str, Any]:
        """The whole document as Python objects, which for a large one takes its time."""
        decoded = msgspec.json.decode(self.document.data)
        return decoded if isinstance(decoded, dict) else {}

    @cached_property
    def tool_of(self) -> dict[str, OCPTool]:
        return {tool.name: tool for tool in self.tools}

    @cached_property
    def wants_context(self) -> bool:
        """Not where the document says that the API is none of the protocol's."""
        info = self.document.get("info")
        return not isinstance(info, dict) or info.get("x-ocp-enabled") is not False
