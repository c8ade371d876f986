"""The result of the desk, and its stored form for a repeated Idempotency-Key."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from atoll.domain.operations import Operation
from atoll.domain.quotas import Quota
from atoll.domain.secrets import hide, scrub
from atoll.service.nouns import NOUNS

T = TypeVar("T")
STRUCTS: dict[str, type[Any]] = {
    **{noun.struct.__name__: noun.struct for noun in NOUNS},
    Operation.__name__: Operation,
    Quota.__name__: Quota,
}


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """`things` are the resources of the commands, in their order, after all commands. `operations`
    are the accepted operations. `secret` is a text that is shown once and not stored. `warnings`
    are sentences. `replayed`: the first outcome of a repeated Idempotency-Key."""

    things: tuple[T, ...]
    operations: tuple[Operation, ...] = ()
    secret: str = ""
    warnings: tuple[str, ...] = ()
    replayed: bool = False

    @property
    def thing(self) -> T:
        """The resource of the first command."""
        return self.things[0]

    @property
    def operation(self) -> Operation:
        """The first operation, of a command that always accepts one."""
        return self.operations[0]


class Kept(msgspec.Struct, kw_only=True):
    """An outcome in its stored form. `kinds` name the structs of the resources."""

    kinds: tuple[str, ...]
    things: tuple[msgspec.Raw, ...]
    operations: tuple[Operation, ...]
    warnings: tuple[str, ...]


def encode_outcome(outcome: Outcome[Any]) -> bytes:
    """Encode an outcome without secrets; `desk.replay` adds those that the resources have then."""
    return msgspec.json.encode(
        Kept(
            kinds=tuple(type(thing).__name__ for thing in outcome.things),
            things=tuple(msgspec.Raw(msgspec.json.encode(hide(thing))) for thing in outcome.things),
            operations=tuple(without_secrets(one) for one in outcome.operations),
            warnings=outcome.warnings,
        )
    )


def without_secrets(operation: Operation) -> Operation:
    return msgspec.structs.replace(operation, arguments=scrub(operation.arguments))


def decode_outcome(stored: bytes) -> Outcome[Any]:
    """Decode a stored outcome. Raises msgspec.DecodeError for those of an earlier version of
    Atoll."""
    kept = msgspec.json.decode(stored, type=Kept)
    things = zip(kept.kinds, kept.things, strict=True)
    return Outcome(
        things=tuple(msgspec.json.decode(raw, type=STRUCTS[kind]) for kind, raw in things),
        operations=kept.operations,
        warnings=kept.warnings,
        replayed=True,
    )
