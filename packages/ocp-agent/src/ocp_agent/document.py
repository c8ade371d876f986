"""An OpenAPI document, kept as bytes and decoded on demand.

GitHub's document has 13 MB; as Python objects it would need 100 MB, of which a call reads a few KB.
Used by discovery, schemas and storage. Never follows a reference out of the document.
"""

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

from ocp_agent.errors import SchemaDiscoveryError
from ocp_agent.lazily import Lazily
from ocp_agent.limits import DOCUMENT_BYTES

if TYPE_CHECKING:
    import yaml
else:
    yaml = Lazily("yaml")

Branch = dict[str, msgspec.Raw]

BRANCH_LEVELS = 2  # `components` and `components/schemas`; deeper levels are decoded at once
NODES_LARGEST = 2_000_000  # for YAML, whose aliases can expand far beyond the size of the file
MISSING = object()
REFERENCE = re.compile(rb'"\$ref"\s*:\s*("(?:[^"\\]|\\.)*")')
VERSION = re.compile(r"(2\.\d|3\.[012])(\.|$)")


class Document:
    """The bytes are JSON, regardless of the original format."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._branches: dict[tuple[str, ...], Branch] = {(): branch_of(data)}

    @cached_property
    def version(self) -> str:
        """`2.0`, `3.0`, `3.1` or `3.2`."""
        said = self.get("swagger") or self.get("openapi")
        found = VERSION.match(str(said))
        if found is None:
            raise SchemaDiscoveryError(
                f"Neither Swagger 2 nor OpenAPI 3.0 to 3.2: its version is {said!r}"
            )
        return found[1]

    def get(self, key: str) -> Any:
        """Return the decoded value of a top-level key, or None."""
        raw = self.branch().get(key)
        return None if raw is None else msgspec.json.decode(raw)

    def branch(self, *keys: str) -> Branch:
        """Return the object at these keys, with values not yet decoded."""
        found = self._branches.get(keys)
        if found is None:
            raw = self.branch(*keys[:-1]).get(keys[-1])
            found = self._branches[keys] = {} if raw is None else branch_of(raw)
        return found

    def at(self, pointer: str) -> Any:
        """Resolve a pointer such as `#/components/schemas/Instance`, or return MISSING."""
        raw, rest = self._raw_at(pointer)
        value = MISSING if raw is None else msgspec.json.decode(raw)
        for key in rest:
            value = step_into(value, key)
        return value

    def references_in(self, pointer: str) -> list[str]:
        """Find the references in the target of a pointer, without decoding it."""
        raw, rest = self._raw_at(pointer)
        if rest:
            value = self.at(pointer)
            raw = None if value is MISSING else msgspec.Raw(msgspec.json.encode(value))
        found = [] if raw is None else REFERENCE.findall(bytes(raw))
        return [msgspec.json.decode(reference) for reference in found]

    def _raw_at(self, pointer: str) -> tuple[msgspec.Raw | None, list[str]]:
        """Return the nearest value kept as bytes, and the remaining steps."""
        if not pointer.startswith("#/"):
            return None, []
        keys = [
            unquote(step).replace("~1", "/").replace("~0", "~") for step in pointer[2:].split("/")
        ]
        above = min(BRANCH_LEVELS, len(keys) - 1)
        return self.branch(*keys[:above]).get(keys[above]), keys[above + 1 :]


def step_into(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return value.get(key, MISSING)
    if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
        return value[int(key)]
    return MISSING


def branch_of(data: bytes | msgspec.Raw) -> Branch:
    """Decode an object; empty for any other value."""
    try:
        return msgspec.json.decode(data, type=Branch)
    except msgspec.ValidationError:
        return {}


def read_document(content: bytes) -> Document:
    """Parse JSON or YAML."""
    if len(content) > DOCUMENT_BYTES:
        raise SchemaDiscoveryError(f"The document is larger than {DOCUMENT_BYTES:,} bytes")
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        document = Document(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = Document(json_of_yaml(content))
    except RecursionError as error:
        raise SchemaDiscoveryError("The document is nested too deep") from error
    if not document.branch():
        raise SchemaDiscoveryError("The document is empty, or no object")
    return document


def json_of_yaml(content: bytes) -> bytes:
    try:
        value = yaml.load(content, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        if nodes_of(value, {}) > NODES_LARGEST:
            raise SchemaDiscoveryError("The document's YAML aliases stand for too much")
        return msgspec.json.encode(value)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SchemaDiscoveryError(f"Neither JSON nor YAML: {error}") from error
    except (TypeError, RecursionError) as error:
        raise SchemaDiscoveryError(f"The document's YAML is not JSON: {error}") from error


def nodes_of(value: Any, known: dict[int, int]) -> int:
    """Count the values with all aliases expanded; infinite for a recursive alias."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = NODES_LARGEST + 1
        below = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(nodes_of(one, known) for one in below)
    return known[id(value)]
