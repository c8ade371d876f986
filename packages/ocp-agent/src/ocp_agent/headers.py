"""Functions of the reference that write a context to headers and read it back; see `session`."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import asdict

from ocp_agent.context import AgentContext
from ocp_agent.response import CaseInsensitive
from ocp_agent.session import CONTEXT_ID, EVERY, context_in, headers_of


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
        return "No OCP context" if context is None else context.get_conversation_summary()

    @staticmethod
    def merge_headers(base: Mapping[str, str] | None, ocp: Mapping[str, str]) -> dict[str, str]:
        return {**OCPHeaders.strip_ocp_headers(base or {}), **ocp}

    @staticmethod
    def strip_ocp_headers(headers: Mapping[str, str]) -> dict[str, str]:
        ours = {name.lower() for name in EVERY}
        return {name: value for name, value in headers.items() if name.lower() not in ours}


def create_ocp_headers(context: AgentContext, compress: bool = True) -> dict[str, str]:
    return OCPHeaders.encode_context(context, compress)


def extract_context_from_response(response: Any) -> AgentContext | None:
    return OCPHeaders.decode_context(response.headers)


def parse_context(headers: Mapping[str, str]) -> AgentContext | None:
    return OCPHeaders.decode_context(headers)


def add_context_headers(
    headers: Mapping[str, str] | None, context: AgentContext, compress: bool = True
) -> dict[str, str]:
    return OCPHeaders.merge_headers(headers, create_ocp_headers(context, compress))
