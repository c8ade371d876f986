"""What can go wrong. An HTTP status is never an error here: it is part of a response.

OCPError
├── RegistryUnavailable   the registry does not answer, or not in its own words
├── APINotFound           the registry knows no API of that name
├── SchemaDiscoveryError  a document that cannot be read
├── ValidationError       a context that breaks its schema
│   └── InvalidArguments  arguments that break the tool's schema (a ValueError, too)
├── ToolNotFound          no registered API has that tool (a ValueError, too)
├── AmbiguousTool         several registered APIs have that tool (a ValueError, too)
├── UnknownAPI            an API that was not registered (a ValueError, too)
└── ResponseTooLarge      an answer beyond `Limits.response_bytes`
"""

from collections.abc import Sequence
from typing import NamedTuple


class OCPError(Exception):
    """The root: whoever catches it catches all that this library raises by itself."""


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
    """All that is wrong with a call's arguments, each with the field that it is about."""

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


class ResponseTooLarge(OCPError):
    def __init__(self, largest: int) -> None:
        super().__init__(
            f"The answer is larger than {largest:,} bytes. Ask for less, or raise"
            " Limits.response_bytes."
        )
