"""An OpenAPI document, kept as bytes and decoded on demand.

GitHub's document has 13 MB; as Python objects it would need 100 MB, of which a call reads a few KB.
Used by discovery, schemas and storage. Never follows a reference out of the document.
"""

import json
import math
import re
from functools import cached_property
from typing import Any

import msgspec

from ocp_agent import yamls
from ocp_agent.errors import SchemaDiscoveryError
from ocp_agent.limits import DOCUMENT_BYTES
from ocp_agent.references import MISSING, Steps, absolute, step_into, steps_of

Branch = dict[str, msgspec.Raw]

BRANCH_LEVELS = 2  # `components` and `components/schemas`; deeper levels are decoded at once
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
        found = VERSION.match(self.version_said)
        if found is None:
            said = self.version_said or None
            raise SchemaDiscoveryError(
                f"Neither Swagger 2 nor OpenAPI 3.0 to 3.2: its version is {said!r}"
            )
        return found[1]

    @cached_property
    def version_said(self) -> str:
        return str(self.get("swagger") or self.get("openapi") or "")

    @property
    def is_2(self) -> bool:
        return self.version_said.startswith("2")

    @cached_property
    def is_31(self) -> bool:
        """Whether what stands beside a reference counts."""
        return not self.version_said.startswith(("2", "3.0"))

    def get(self, key: str) -> Any:
        """Return the decoded value of a top-level key, or None."""
        raw = self.branch().get(key)
        return None if raw is None else decoded(raw)

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
        value = MISSING if raw is None else decoded(raw)
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
        return [decoded(reference) for reference in found]

    def _raw_at(self, pointer: str) -> tuple[msgspec.Raw | None, Steps]:
        """Return the nearest value kept as bytes, and the remaining steps."""
        if not pointer.startswith("#/"):
            return None, ()
        keys = steps_of(pointer)
        above = min(BRANCH_LEVELS, len(keys) - 1)
        return self.branch(*keys[:above]).get(keys[above]), keys[above + 1 :]


def decoded(raw: bytes | msgspec.Raw) -> Any:
    """Decode a value, also with half a character or a number that is out of range."""
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return msgspec.json.decode(mended_json(bytes(raw).decode()))


def mended_json(text: str) -> bytes:
    """Return JSON without what JSON cannot express: such numbers are null, half characters are
    question marks."""
    value = json.loads(text, parse_float=finite, parse_constant=lambda _: None)
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def branch_of(data: bytes | msgspec.Raw) -> Branch:
    """Decode an object; empty for any other value."""
    try:
        return msgspec.json.decode(data, type=Branch)
    except msgspec.ValidationError:
        return {}


def read_document(content: bytes, where: str = "") -> Document:
    """Parse JSON or YAML in any encoding of Unicode. `where` is the source of the document, by
    which it may refer to itself."""
    if len(content) > DOCUMENT_BYTES:
        raise SchemaDiscoveryError(f"The document is larger than {DOCUMENT_BYTES:,} bytes")
    content = utf8_of(content)
    try:
        document = Document(absolute(content, where))
    except msgspec.DecodeError:
        document = Document(absolute(json_of_text(content.decode(), where), where))
    except RecursionError as error:
        raise SchemaDiscoveryError("The document is nested too deep") from error
    if not document.branch():
        raise SchemaDiscoveryError("The document is empty, or no object")
    return document


def utf8_of(content: bytes) -> bytes:
    """Return UTF-8, UTF-16 or UTF-32 as UTF-8, without a byte order mark."""
    encoding = json.detect_encoding(content)
    try:
        text = content.decode(encoding)
        return content if encoding == "utf-8" else text.removeprefix("\ufeff").encode()
    except UnicodeDecodeError as error:
        raise SchemaDiscoveryError(
            f"The document is not {error.encoding.upper()}, at byte {error.start}: {error.reason}."
            " Save it as UTF-8."
        ) from error


def json_of_text(text: str, where: str) -> bytes:
    """Convert JSON with half a character, or YAML."""
    try:
        return mended_json(text)
    except (ValueError, RecursionError):
        return json_of_yaml(text, where)


def json_of_yaml(text: str, where: str) -> bytes:
    suffix = where.rpartition(".")[2].lower()
    kind = {"json": "Invalid JSON", "yaml": "Invalid YAML", "yml": "Invalid YAML"}.get(suffix)
    try:
        return msgspec.json.encode(yamls.value_of(text))
    except yamls.NotYAML as error:
        raise SchemaDiscoveryError(f"{kind or 'Neither JSON nor YAML'}: {error}") from error
    except (TypeError, RecursionError, UnicodeEncodeError) as error:
        raise SchemaDiscoveryError(f"The document's YAML is not JSON: {error}") from error
