"""Renders an error in the words of a dialect: its sentence, and the faulty field."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from atoll.domain.errors import AtollError, Refused, phrase
from atoll.domain.reasons import Reason

# Facts whose value is the path of a field, like `field` itself.
FIELDS = frozenset({"field", "other_field"})
NOUNS = frozenset({"noun", "user_noun"})


class Said(NamedTuple):
    message: str
    field: str | None


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """`fields` are the dialect's names of command fields, by their path or its beginning; `nouns`
    its names of resources; `id_of` shows an id; `sentences` replaces those of Atoll."""

    fields: Mapping[str, str] = {}
    nouns: Mapping[str, str] = {}
    sentences: Mapping[Reason, str] = {}
    id_of: Callable[[str], str] = str

    def say(self, error: AtollError) -> Said:
        path = error.field if isinstance(error, Refused) else None
        name = None if path is None else self.field_of(path)
        if isinstance(error.reason, str):
            return Said(error.reason, name)
        sentence = self.sentences.get(error.reason, error.reason.value)
        facts = {key: self.fact_of(key, value) for key, value in error.facts.items()}
        return Said(phrase(sentence, facts), name)

    def field_of(self, path: str) -> str:
        """Convert `ssh_keys.2` to `spec.ssh_key_ids.2` if `ssh_keys` is named
        `spec.ssh_key_ids`."""
        head, tail = path, ""
        while head:
            if head in self.fields:
                return self.fields[head] + tail
            head, _, last = head.rpartition(".")
            tail = f".{last}{tail}"
        return path

    def fact_of(self, key: str, value: Any) -> Any:
        if key in FIELDS:
            return self.field_of(value)
        if key in NOUNS:
            return self.nouns.get(value, value)
        return self.id_of(value) if isinstance(value, str) else value
