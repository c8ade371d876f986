"""Functions of the reference that write a context to headers and read it back; see `session`."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import asdict

from ocp_agent.context import AgentContext
from ocp_agent.response import CaseInsensitive
from ocp_agent.session import (
    AGENT_TYPE,
    CONTEXT_ID,
    EVERY,
    GOAL,
    OCP_VERSION,
    SESSION,
    USER,
    WORKSPACE,
    context_in,
    headers_of,
)

OCP_CONTEXT_ID, OCP_SESSION, OCP_AGENT_TYPE = CONTEXT_ID, SESSION, AGENT_TYPE
OCP_CURRENT_GOAL, OCP_USER, OCP_WORKSPACE = GOAL, USER, WORKSPACE
__all__ = [
    "OCP_AGENT_TYPE",
    "OCP_CONTEXT_ID",
    "OCP_CURRENT_GOAL",
    "OCP_SESSION",
    "OCP_USER",
    "OCP_VERSION",
    "OCP_WORKSPACE",
    "OCPHeaders",
    "add_context_headers",
    "create_ocp_headers",
    "extract_context_from_response",
    "parse_context",
]


class OCPHeaders:
    @staticmethod
    def encode_context(
        context: AgentContext, compress: bool = True, api_name: str | None = None
    ) -> dict[str, str]:
        return headers_of(asdict(context), api_name, compress=compress)

    @staticmethod
    def decode_context(headers: Mapping[str, str]) -> AgentContext | None:
        """Read a context from headers; None if it is missing or malformed."""
        found = context_in(headers)
        try:
            return None if found is None else AgentContext.from_dict(found)
        except (AttributeError, TypeError):
            return None

    @staticmethod
    def validate_headers(headers: Mapping[str, str]) -> bool:
        given = CaseInsensitive(headers)
        return bool(given.get(CONTEXT_ID)) and OCPHeaders.decode_context(headers) is not None

    @staticmethod
    def get_context_summary(headers: Mapping[str, str]) -> str:
        context = OCPHeaders.decode_context(headers)
        if context is None:
            return "No OCP context"
        summary = context.get_conversation_summary()
        return f"{context.context_id} | {context.agent_type} | {summary}"

    @staticmethod
    def merge_headers(base: Mapping[str, str] | None, ocp: Mapping[str, str]) -> dict[str, str]:
        return {**OCPHeaders.strip_ocp_headers(base or {}), **ocp}

    @staticmethod
    def strip_ocp_headers(headers: Mapping[str, str]) -> dict[str, str]:
        ours = {name.lower() for name in EVERY}
        return {name: value for name, value in headers.items() if name.lower() not in ours}


def create_ocp_headers(
    context: AgentContext, base_headers: Mapping[str, str] | None = None, compress: bool = True
) -> dict[str, str]:
    """Return the headers of a context, added to others."""
    ours = OCPHeaders.encode_context(context, compress)
    return OCPHeaders.merge_headers(base_headers, ours)


def extract_context_from_response(response: Any) -> AgentContext | None:
    headers = getattr(response, "headers", None)
    return None if headers is None else OCPHeaders.decode_context(headers)


def parse_context(headers: Mapping[str, str]) -> AgentContext | None:
    return OCPHeaders.decode_context(headers)


def add_context_headers(response: Any, context: AgentContext, compress: bool = True) -> Any:
    """Write the context into a response of Flask, Django, FastAPI and the like, or into headers."""
    holders: tuple[Any, ...] = (getattr(response, "headers", None), response)
    for holder in holders:
        if hasattr(type(holder), "__setitem__"):
            for name, value in create_ocp_headers(context, compress=compress).items():
                holder[name] = value
            return response
    raise TypeError(f"Unsupported response type: {type(response).__name__} takes no headers")
