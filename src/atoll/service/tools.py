"""OpenAPI documents as tools. The library that makes them is loaded when the first is asked for: an
idle server stays small."""

from pkgutil import resolve_name
from typing import Any, Protocol

from atoll.domain.errors import Invalid
from atoll.domain.reasons import Reason

FIELD = "document"


class Spec(Protocol):
    """An API as `ocp_agent` has it."""

    @property
    def title(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def tools(self) -> list[Any]: ...


def spec_of(document: bytes) -> Spec:
    """Raises Invalid where it is no OpenAPI document with an operation in it."""
    wrong = resolve_name("ocp_agent.errors:SchemaDiscoveryError")
    try:
        read = resolve_name("ocp_agent.document:read_document")(document)
        spec: Spec = resolve_name("ocp_agent.discovery:spec_of")(read)
    except wrong as error:
        raise Invalid(Reason.NOT_AN_OPENAPI_DOCUMENT, field=FIELD, why=str(error)) from error
    if not spec.tools:
        raise Invalid(Reason.API_WITHOUT_OPERATIONS, field=FIELD)
    return spec
