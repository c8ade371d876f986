"""The errors of this library. An HTTP status is not an error: it is part of a response.

OCPError
├── RegistryUnavailable   the registry does not respond, or not in the expected format
├── APINotFound           the registry has no API with that name
├── SchemaDiscoveryError  a document that cannot be read
├── ValidationError       a context that violates its schema
│   └── InvalidArguments  arguments that violate the tool's schema (also a ValueError)
├── ToolNotFound          no registered API has that tool (also a ValueError)
├── AmbiguousTool         several registered APIs have that tool (also a ValueError)
├── UnknownAPI            an API that was not registered (also a ValueError)
├── UnsendableHeader      a credential or header with characters that no header has
└── ResponseTooLarge      a response larger than `Limits.response_bytes`
"""

from collections.abc import Sequence
from typing import NamedTuple


class OCPError(Exception):
    """The base class of all errors of this library."""


class RegistryUnavailable(OCPError):
    def __init__(self, registry_url: str, message: str = "") -> None:
        self.registry_url = registry_url
        super().__init__(
            f"The registry at {registry_url} cannot be asked: {message or 'no answer'}."
            " Pass spec_url to register the API without it."
        )


class APINotFound(OCPError):
    def __init__(self, api_name: str, suggestions: Sequence[str] | None = None) -> None:
        self.api_name, self.suggestions = api_name, list(suggestions or ())
        hint = f" Similar: {', '.join(self.suggestions)}." if self.suggestions else ""
        super().__init__(f"The registry has no API '{api_name}'.{hint}")


class SchemaDiscoveryError(OCPError):
    pass


class ValidationError(OCPError):
    pass


class ArgumentError(NamedTuple):
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class InvalidArguments(ValidationError, ValueError):
    """All errors in the arguments of a call, each with its field."""

    def __init__(self, errors: Sequence[ArgumentError]) -> None:
        self.errors = tuple(errors)
        super().__init__(f"Parameter validation failed: {[str(error) for error in self.errors]}")


class ToolNotFound(OCPError, ValueError):
    def __init__(
        self, tool_name: str, available: Sequence[str], more: int = 0, meant: str | None = None
    ) -> None:
        self.tool_name = tool_name
        hint = f" Did you mean '{meant}'?" if meant else ""
        rest = f" and {more} more" if more else ""
        super().__init__(
            f"Tool '{tool_name}' not found.{hint} Available tools: {list(available)}{rest}"
        )


class AmbiguousTool(OCPError, ValueError):
    def __init__(self, tool_name: str, api_names: Sequence[str]) -> None:
        self.tool_name, self.api_names = tool_name, tuple(api_names)
        super().__init__(
            f"Several APIs have a tool '{tool_name}': {', '.join(self.api_names)}."
            f" Say which one is meant: api_name='{self.api_names[0]}'."
        )


class UnknownAPI(OCPError, ValueError):
    def __init__(self, api_name: str, known: Sequence[str] = ()) -> None:
        self.api_name = api_name
        names = ", ".join(known) or "none"
        super().__init__(f"Unknown API: {api_name}. Registered: {names}")


class UnsendableHeader(OCPError, ValueError):
    """Does not repeat the value, which may be a secret."""

    def __init__(self, name: str, position: int) -> None:
        self.name = name
        super().__init__(
            f"The header {name} cannot be sent: its character {position + 1} is not one of ASCII,"
            " or a line break. Was the credential copied with something else?"
        )


class ResponseTooLarge(OCPError):
    def __init__(self, largest: int) -> None:
        super().__init__(
            f"The answer is larger than {largest:,} bytes. Ask for less, or raise"
            " Limits.response_bytes."
        )
