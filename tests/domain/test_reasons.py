"""Every reason is used, with all facts that its sentence needs."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from atoll.api.genesis import wording as genesis
from atoll.api.vultr import wording as vultr
from atoll.domain.errors import AtollError, Invalid, phrase, require_all
from atoll.domain.reasons import Reason
from tests.support.sources import tree_of

SRC = Path(__file__).parents[2] / "src" / "atoll"
FILES = sorted(SRC.rglob("*.py"))


def facts_in(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def reason_of(node: ast.expr) -> Reason | None:
    if (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Reason"
    ):
        return Reason[node.attr]
    return None


def raised() -> Iterator[tuple[str, Reason, set[str]]]:
    """Every call whose first argument is a reason, and the facts that it gives. A call that passes
    facts on with `**` is left out."""
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and node.args:
                reason = reason_of(node.args[0])
                given = {word.arg for word in node.keywords}
                if reason is not None and None not in given:
                    yield f"{path.name}, line {node.lineno}", reason, {str(g) for g in given}


def test_every_call_gives_the_facts_that_the_sentence_needs() -> None:
    calls = list(raised())
    assert len(calls) > 100
    wrong = [
        f"{where}: {reason.name} lacks {sorted(lacking)}"
        for where, reason, given in calls
        if (lacking := facts_in(reason.value) - given)
    ]
    assert wrong == []


def test_no_reason_is_left_that_nothing_raises() -> None:
    used = {
        reason
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.expr) and (reason := reason_of(node)) is not None
    }
    assert [reason.name for reason in Reason if reason not in used] == []


@pytest.mark.parametrize("module", [vultr, genesis])
def test_a_dialect_s_sentence_needs_no_fact_that_atoll_s_own_lacks(module: object) -> None:
    common = module.COMMON  # type: ignore[attr-defined]
    wrong = {
        reason.name: facts_in(sentence) - facts_in(reason.value) - {"field"}
        for reason, sentence in common.sentences.items()
        if not facts_in(sentence) <= facts_in(reason.value) | {"field"}
    }
    assert wrong == {}


def test_a_text_of_the_caller_s_is_not_filled_in_again() -> None:
    assert phrase("{name} is taken", {"name": "{password}"}) == "{password} is taken"


def test_a_list_becomes_words() -> None:
    assert phrase("one of {allowed}", {"allowed": ("a", "b")}) == "one of a, b"


def test_all_checks_are_made_and_the_first_error_carries_the_others() -> None:
    def refuse(field: str) -> None:
        raise Invalid(Reason.TOO_MANY, field=field, count=9, highest=1)

    with pytest.raises(Invalid) as told:
        require_all(lambda: refuse("a"), lambda: None, lambda: refuse("b"))
    assert [told.value.field, *(other.field for other in told.value.others)] == ["a", "b"]


def test_an_error_has_a_sentence_for_the_log() -> None:
    error = AtollError(Reason.TOO_MANY, field="labels", count=70, highest=64)
    assert str(error) == "labels has 70 entries, at most 64 are allowed"
