"""What all commands have in common: their form, references to what a command before them makes,
secrets that nothing prints, and canonical bytes.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

LONG_MAX = 256
# Fields whose text may hold a secret of the caller's: they are never shown, only their digest.
CONCEALED = frozenset({"password", "script", "user_data"})
Digest = Callable[[bytes], str]
C = TypeVar("C", bound="Command")


class Made(msgspec.Struct, frozen=True, tag=True):
    """Refers to the thing that the command at this place of the same request makes."""

    position: int = 0


# An id, a name that is unique in the project, or what an earlier command of the request makes.
Reference = str | Made


class Secret:
    """A text of the caller's that is neither printed nor encoded."""

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
    """Base of all commands: a request to change something, before anything is looked up."""

    # The version that the caller has seen (If-Match); None where any will do.
    version: int | None = None


def described(command: Command, digest: Digest) -> dict[str, Any]:
    """A command for the audit record: secrets and long texts as digests, defaults left out."""
    told: dict[str, Any] = {}
    for one in msgspec.structs.fields(command):
        value = getattr(command, one.name)
        if value != default_of(one):
            told[one.name] = told_of(one.name, value, digest)
    return told


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    factory = field.default_factory
    return field.default if factory is msgspec.NODEFAULT else factory()


def told_of(name: str, value: Any, digest: Digest) -> Any:
    if isinstance(value, Secret):
        value = value.text
    if isinstance(value, bytes):
        return digest(value)
    if isinstance(value, str) and (name in CONCEALED or len(value) > LONG_MAX):
        return digest(value.encode())
    return msgspec.to_builtins(value)


def canonical(commands: Sequence[Command], digest: Digest) -> bytes:
    """Bytes that are equal for equal commands, whatever dialect made them, and hold no secret.
    `version` is left out: it says what the caller has seen, not what is wanted."""
    told = []
    for command in commands:
        one = {name: told_of(name, getattr(command, name), digest)
               for name in command.__struct_fields__ if name != "version"}  # fmt: skip
        told.append([type(command).__name__, one])
    return msgspec.json.encode(told, order="sorted")


def hash_of(commands: Sequence[Command], digest: Digest) -> str:
    """`blake2b:…`, 256 bits, of the canonical bytes."""
    found = hashlib.blake2b(canonical(commands, digest), digest_size=32)
    return f"blake2b:{found.hexdigest()}"
