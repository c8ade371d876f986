"""What all commands have in common: their form, references to resources that an earlier command
creates, secrets that are never printed, and canonical bytes."""

import functools
import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from atoll.domain.secrets import Digest, conceal

C = TypeVar("C", bound="Command")


class Made(msgspec.Struct, frozen=True, tag=True):
    """A reference to the resource that the command at this position of the same request creates."""

    position: int = 0


# An id, a name that is unique in the project, or a resource that an earlier command creates.
Reference = str | Made


class Secret:
    """A text of the caller that is never printed or encoded."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class Command(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The base of all commands: a request for a change, before references are resolved."""

    # The version that the caller has read (If-Match), or None for any version.
    version: int | None = None


def describe(command: Command, digest: Digest) -> dict[str, Any]:
    """Return the command for the audit record: secrets and long texts as digests, defaults
    omitted."""
    told: dict[str, Any] = {}
    for name, default in defaults_of(type(command)):
        value = getattr(command, name)
        if value != default:
            told[name] = audit_value(name, value, digest)
    return told


@functools.cache
def defaults_of(kind: type[Command]) -> tuple[tuple[str, Any], ...]:
    """Each field with its default, or `msgspec.NODEFAULT`. Kept for each type, because msgspec
    evaluates annotations for it."""
    return tuple((field.name, default_of(field)) for field in msgspec.structs.fields(kind))


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    factory = field.default_factory
    return field.default if factory is msgspec.NODEFAULT else factory()


def audit_value(name: str, value: Any, digest: Digest) -> Any:
    if isinstance(value, Secret):
        value = value.text
    if isinstance(value, bytes):
        return digest(value)
    return conceal(name, msgspec.to_builtins(value), digest)


def canonical(commands: Sequence[Command], digest: Digest) -> bytes:
    """Return bytes that are equal for equal commands of all dialects and contain no secret.
    `version` is omitted: it is a precondition, not part of the change."""
    told = []
    for command in commands:
        one = {name: audit_value(name, getattr(command, name), digest)
               for name in command.__struct_fields__ if name != "version"}  # fmt: skip
        told.append([type(command).__name__, one])
    return msgspec.json.encode(told, order="sorted")


def hash_of(commands: Sequence[Command], digest: Digest) -> str:
    """Return `blake2b:…`, 256 bits, of the canonical bytes."""
    found = hashlib.blake2b(canonical(commands, digest), digest_size=32)
    return f"blake2b:{found.hexdigest()}"
