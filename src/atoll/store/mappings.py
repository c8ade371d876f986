"""How structs become rows of their tables, and back."""

import types
import typing
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import sqlalchemy as sa

T = TypeVar("T", bound=msgspec.Struct)
PLAIN = (str, int, float, bytes)
encode_json = msgspec.json.Encoder().encode


class Mapping(Protocol[T]):
    """The conversion of a struct to a row of its table, and back."""

    @property
    def table(self) -> sa.Table: ...
    @property
    def singular(self) -> str: ...
    @property
    def columns(self) -> Sequence[sa.Column[Any]]: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def kept(self) -> bool:
        """Whether rows may be cached for a moment: see `unit.Kept`."""
        ...

    @property
    def heads(self) -> Sequence[sa.Column[Any]]:
        """Id and version, the first columns, if rows are cached by them: see `decoded.Decoded`."""
        ...

    def values(self, thing: T) -> dict[str, Any]: ...

    def thing(self, row: Any) -> T: ...


class DocumentMapping(Generic[T]):
    """The whole struct as a document; the other columns are copies of the fields that queries
    use."""

    def __init__(
        self,
        struct: type[T],
        table: sa.Table,
        singular: str,
        *,
        kept: bool = False,
        listed: bool = False,
    ) -> None:
        self.table = table
        self.singular = singular
        self.kept = kept
        self.heads = (table.c.id, table.c.version) if listed else ()
        self.columns = (*self.heads, table.c.document)
        self.names = tuple(column.name for column in table.c)
        self._copied = tuple(name for name in self.names if name != "document")
        self._decode = msgspec.json.Decoder(struct).decode

    def values(self, thing: T) -> dict[str, Any]:
        values = {name: getattr(thing, name) for name in self._copied}
        values["document"] = encode_json(thing)
        return values

    def thing(self, row: Any) -> T:
        return self._decode(row[-1])


class ColumnMapping(Generic[T]):
    """A column for every field. Codecs are determined once, from the struct's type hints."""

    kept = False
    heads = ()

    def __init__(self, struct: type[T], table: sa.Table, singular: str) -> None:
        self.struct = struct
        self.table = table
        self.singular = singular
        hints = typing.get_type_hints(struct)
        self.names = tuple(name for name in struct.__struct_fields__ if name in table.c)
        self.columns = [table.c[name] for name in self.names]
        self.encoders = {n: e for n in self.names if (e := encoder_of(hints[n])) is not None}
        self.decoders = [(i, d) for i, n in enumerate(self.names) if (d := decoder_of(hints[n]))]

    def values(self, thing: T) -> dict[str, Any]:
        values = {name: getattr(thing, name) for name in self.names}
        for name, encode in self.encoders.items():
            if values[name] is not None:
                values[name] = encode(values[name])
        return values

    def thing(self, row: Any) -> T:
        cells = list(row)
        for index, decode in self.decoders:
            if cells[index] is not None:
                cells[index] = decode(cells[index])
        return self.struct(**dict(zip(self.names, cells, strict=True)))


def bare(hint: Any) -> Any:
    """Return the type without `| None`."""
    if isinstance(hint, types.UnionType):
        return next(a for a in typing.get_args(hint) if a is not type(None))
    return hint


def encoder_of(hint: Any) -> Callable[[Any], Any] | None:
    kind = bare(hint)
    if isinstance(kind, type) and issubclass(kind, PLAIN):
        return None
    return encode_json


def decoder_of(hint: Any) -> Callable[[Any], Any] | None:
    kind = bare(hint)
    if isinstance(kind, type):
        if issubclass(kind, Enum):
            return {member.value: member for member in kind}.__getitem__
        if kind is bool:
            return bool
        if issubclass(kind, PLAIN):
            return None
    return msgspec.json.Decoder(kind).decode
