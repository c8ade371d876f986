"""The list of kinds: what the code writes, a webhook may ask for."""

import ast
import fnmatch
from collections.abc import Iterator
from pathlib import Path

import atoll
from atoll.domain.events import KINDS, PATTERNS
from atoll.domain.operations import ENDED
from atoll.operations.instance_rebuild import PAST
from atoll.operations.timekeeper import HAPPENED
from tests.support.sources import tree_of

SOURCE = Path(next(iter(atoll.__path__)))
# What a kind is put into, and where it stands there: by its place or by its name.
TAKING = {"note": 0, "Event": None, "Verdict": 1}
NAMES = {"kind", "event"}


def written() -> Iterator[tuple[str, str]]:
    """Each place of the source where a kind is written, and the kind; what is computed is a `*`."""
    for path in sorted([*SOURCE.glob("service/*.py"), *SOURCE.glob("operations/*.py")]):
        for call in ast.walk(tree_of(path)):
            if isinstance(call, ast.Call) and name_of(call.func) in TAKING:
                for text in kinds_in(call):
                    yield f"{path.parent.name}/{path.name}:{call.lineno}", text


def name_of(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def kinds_in(call: ast.Call) -> Iterator[str]:
    given = [*call.args, *(word.value for word in call.keywords if word.arg in NAMES)]
    for expression in given:
        for node in alternatives(expression):
            if isinstance(node, ast.JoinedStr):
                yield "".join(getattr(part, "value", "*") if isinstance(part, ast.Constant) else "*"
                              for part in node.values)  # fmt: skip
            elif isinstance(node, ast.Constant) and "." in str(node.value):
                yield str(node.value)


def alternatives(expression: ast.expr) -> list[ast.expr]:
    if isinstance(expression, ast.IfExp):
        return [expression.body, expression.orelse]
    return [expression]


def test_every_kind_that_the_code_writes_is_in_the_list() -> None:
    found = list(written())
    assert len(found) > 20
    unknown = [f"{place}: {kind}" for place, kind in found if not fnmatch.filter(KINDS, kind)]
    assert unknown == [], "no webhook can ask for them"


def test_kinds_that_are_looked_up_are_in_the_list() -> None:
    looked_up = {*PAST.values(), *HAPPENED.values(), *(f"operation.{state}" for state in ENDED)}
    assert looked_up <= set(KINDS)


def test_a_pattern_is_a_kind_or_all_of_a_noun_or_everything() -> None:
    assert {"instance.running", "instance.*", "*"} <= set(PATTERNS)
    assert all(fnmatch.filter(KINDS, pattern) for pattern in PATTERNS)
