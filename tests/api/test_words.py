"""What the documents of vendors' dialects say of fields and parameters."""

from collections.abc import Iterator
from typing import Any

import pytest

from atoll.api.genesis.openapi import WORDS as GENESIS_WORDS
from atoll.api.vultr.openapi import WORDS as VULTR_WORDS
from tests.support import documents

DOCUMENTS = {"vultr": documents.of_vultr(), "genesis": documents.of_genesis()}
WORDS = {"vultr": VULTR_WORDS, "genesis": GENESIS_WORDS}


def fields_of(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for schema, body in document["components"]["schemas"].items():
        for field, rules in body.get("properties", {}).items():
            yield schema, field, rules


def leads_on(rules: dict[str, Any]) -> bool:
    """To an object, or a list of objects, which speak for themselves."""
    return "$ref" in str(rules)


@pytest.mark.parametrize("dialect", DOCUMENTS)
def test_every_field_says_what_it_is(dialect: str) -> None:
    silent = [
        f"{schema}.{field}"
        for schema, field, rules in fields_of(DOCUMENTS[dialect])
        if "description" not in rules and not leads_on(rules)
    ]
    assert silent == []


@pytest.mark.parametrize("dialect", DOCUMENTS)
def test_every_parameter_says_what_it_is(dialect: str) -> None:
    silent = [
        (path, one["name"])
        for path, item in DOCUMENTS[dialect]["paths"].items()
        for operation in item.values()
        for one in operation["parameters"]
        if not one["description"]
    ]
    assert silent == []


@pytest.mark.parametrize("dialect", DOCUMENTS)
def test_no_word_is_of_something_that_is_no_more(dialect: str) -> None:
    document = DOCUMENTS[dialect]
    used = {field for _, field, _ in fields_of(document)}
    used |= {f"{schema}.{field}" for schema, field, _ in fields_of(document)}
    for item in document["paths"].values():
        used |= {one["name"] for operation in item.values() for one in operation["parameters"]}
    assert set(WORDS[dialect]) - used == set()
