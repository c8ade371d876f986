"""Finds the schema that a discriminator chooses, for checks and for what is offered.

Branches are those of a oneOf or anyOf, or the schemas that inherit from the one with the
discriminator. A value belongs to one branch only.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ocp_agent.keywords import Schema
from ocp_agent.raw import dict_at, list_at, text_at
from ocp_agent.schemas import Schemas


class Claim(NamedTuple):
    """A branch, with the values of the discriminator that choose it."""

    branch: Schema
    said: list[str]  # by the mapping, or by the branch itself
    implied: list[str]  # by the name of the schema

    @property
    def names(self) -> list[str]:
        return [*self.said, *self.implied]


def discriminator_of(schema: Schema) -> tuple[str, dict[str, str]]:
    """Return the property and the mapping; in Swagger 2 a discriminator is only a name."""
    said = schema.get("discriminator")
    if isinstance(said, str):
        return said, {}
    pairs = dict_at(said, "mapping").items()
    return text_at(said, "propertyName"), {key: to for key, to in pairs if isinstance(to, str)}


def heirs_of(schema: Schema, pointer: str, api: Schemas) -> list[Schema]:
    """Return references to the schemas that a discriminator without branches chooses from."""
    name, mapping = discriminator_of(schema)
    if not name or not pointer:
        return []
    mapped = [pointer_of(target, api) for target in mapping.values()]
    every = dict.fromkeys([*mapped, *api.children(pointer)])
    return [{"$ref": heir} for heir in every if heir != pointer]


def claims_of(branches: Sequence[Any], schema: Schema, api: Schemas) -> list[Claim]:
    """Find the values of each branch: by the mapping, by what the branch itself demands of the
    property, and by its name. None, if no branch has any."""
    name, mapping = discriminator_of(schema)
    demanded = [demanded_by(one, name, api) for one in branches]
    found: list[list[str]] = []
    for number, branch in enumerate(branches):
        pointer = text_at(branch, "$ref")
        mapped = [key for key, to in mapping.items() if pointer and pointer_of(to, api) == pointer]
        others = {one for at, values in enumerate(demanded) if at != number for one in values}
        own = [one for one in demanded[number] if one not in others and one not in mapping]
        found.append(list(dict.fromkeys([*mapped, *own])))
    taken = {one for names in found for one in names}
    claims = []
    for branch, names in zip(branches, found, strict=True):
        word = text_at(branch, "$ref").rpartition("/")[2]
        implied = [word] if word and word not in taken else []
        claims.append(Claim(branch, names, implied))
    return claims if any(one.names for one in claims) else []


def demanded_by(branch: Any, name: str, api: Schemas) -> list[str]:
    """Return the values that a branch allows for the property, by its narrowest part."""
    found = []
    for part in api.parts(branch):
        for one in api.parts(dict_at(part, "properties").get(name, {})):
            values = [one["const"]] if "const" in one else list_at(one, "enum")
            if texts := [value for value in values if isinstance(value, str)]:
                found.append(texts)
    return min(found, key=len, default=[])


def pointer_of(target: str, api: Schemas) -> str:
    """Return where an entry of a mapping leads: a pointer, or the name of a schema."""
    if target.startswith("#"):
        return target
    name = target.removeprefix("./").replace("~", "~0").replace("/", "~1")
    return f"#/definitions/{name}" if api.document.is_2 else f"#/components/schemas/{name}"
