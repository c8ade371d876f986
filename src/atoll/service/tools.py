"""OpenAPI documents as tools. The library that reads them is loaded at its first use, so that an
idle server stays small."""

from pkgutil import resolve_name
from typing import Any, Protocol

from atoll.domain.errors import Invalid
from atoll.domain.reasons import Reason

FIELD = "document"


class Spec(Protocol):
    """An API in the form of `ocp_agent`."""

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
    """Read a document. Raises Invalid if it is not an OpenAPI document with at least one
    operation."""
    wrong = resolve_name("ocp_agent.errors:SchemaDiscoveryError")
    try:
        read = resolve_name("ocp_agent.document:read_document")(document)
        spec: Spec = resolve_name("ocp_agent.discovery:spec_of")(read)
    except wrong as error:
        raise Invalid(Reason.NOT_AN_OPENAPI_DOCUMENT, field=FIELD, why=str(error)) from error
    if not spec.tools:
        raise Invalid(Reason.API_WITHOUT_OPERATIONS, field=FIELD)
    return spec
