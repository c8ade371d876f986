"""Turns any OpenAPI document into tools for agents. Start with `OCPAgent`."""

from ocp_agent.agent import OCPAgent
from ocp_agent.context import AgentContext
from ocp_agent.discovery import OCPSchemaDiscovery
from ocp_agent.drift import Change, Drift, drift_report
from ocp_agent.errors import (
    AmbiguousTool,
    APINotFound,
    InvalidArguments,
    OCPError,
    RegistryUnavailable,
    ResponseTooLarge,
    SchemaDiscoveryError,
    ToolNotFound,
    UnknownAPI,
    UnsendableHeader,
    ValidationError,
)
from ocp_agent.headers import (
    OCPHeaders,
    add_context_headers,
    create_ocp_headers,
    extract_context_from_response,
    parse_context,
)
from ocp_agent.http_client import OCPHTTPClient, wrap_api
from ocp_agent.limits import Limits
from ocp_agent.pages import registry_answer, tool_page
from ocp_agent.registry import OCPRegistry
from ocp_agent.response import Response
from ocp_agent.storage import OCPStorage
from ocp_agent.tools import OCPAPISpec, OCPTool
from ocp_agent.validation import validate_context

__version__ = "0.1.0"

__all__ = [
    "APINotFound",
    "AgentContext",
    "AmbiguousTool",
    "Change",
    "Drift",
    "InvalidArguments",
    "Limits",
    "OCPAPISpec",
    "OCPAgent",
    "OCPError",
    "OCPHTTPClient",
    "OCPHeaders",
    "OCPRegistry",
    "OCPSchemaDiscovery",
    "OCPStorage",
    "OCPTool",
    "RegistryUnavailable",
    "Response",
    "ResponseTooLarge",
    "SchemaDiscoveryError",
    "ToolNotFound",
    "UnknownAPI",
    "UnsendableHeader",
    "ValidationError",
    "add_context_headers",
    "create_ocp_headers",
    "drift_report",
    "extract_context_from_response",
    "parse_context",
    "registry_answer",
    "tool_page",
    "validate_context",
    "wrap_api",
]
