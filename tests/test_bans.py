"""Ways of writing that came back once too often, so that they stay away."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from atoll.domain.errors import Refused
from tests.support.sources import tree_of

SRC = Path(__file__).parents[1] / "src" / "atoll"
NATIVE_NAMES = re.compile(r"\b(spec|metadata)\.[a-z]|/v1/")
SURGERY = {"replace", "removeprefix", "removesuffix", "split", "partition", "rpartition"}
SENTENCES = {"message", "sentence", "detail"}


def names_of(kind: type[Refused]) -> set[str]:
    return {kind.__name__, *(name for sub in kind.__subclasses__() for name in names_of(sub))}


REFUSALS = names_of(Refused)


def trees_of(folder: str) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((SRC / folder).rglob("*.py")):
        yield str(path.relative_to(SRC)), tree_of(path)


def docstrings_of(tree: ast.Module) -> set[int]:
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, owners) and node.body and isinstance(node.body[0], ast.Expr)
    }


def last_name_of(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def test_a_dialect_reads_through_the_service() -> None:
    wrong = [
        f"{file}, line {node.lineno}: {ast.unparse(node.func)}"
        for file, tree in trees_of("api")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (last_name_of(node.func) == "Filter" or ast.unparse(node.func).endswith("store.read"))
    ]
    assert wrong == []


@pytest.mark.parametrize("layer", ["domain", "operations", "service"])
def test_no_field_or_address_of_a_dialect_is_named_below_the_dialects(layer: str) -> None:
    wrong = [
        f"{file}, line {node.lineno}: {node.value!r}"
        for file, tree in trees_of(layer)
        for docstrings in [docstrings_of(tree)]
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
        and NATIVE_NAMES.search(node.value)
    ]
    assert wrong == []


def test_no_sentence_is_taken_apart() -> None:
    """An error's reason, field and facts say all that a program may want to know."""
    wrong = [
        f"{file}, line {node.lineno}: {ast.unparse(node)}"
        for file, tree in trees_of(".")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in SURGERY
        and (
            last_name_of(node.func.value) in SENTENCES
            or ast.unparse(node.func.value) in {"str(error)", "str(refused)"}
        )
    ]
    assert wrong == []


def test_the_composition_root_is_a_folder() -> None:
    assert not (SRC / "app.py").exists()
    assert (SRC / "roots").is_dir()


@pytest.mark.parametrize("layer", ["domain", "operations", "scheduler", "service", "store"])
def test_a_refusal_below_the_dialects_has_a_reason(layer: str) -> None:
    """Text is for dialects, and for drivers, which tell what their programs told them."""
    wrong = [
        f"{file}, line {node.lineno}: {ast.unparse(node)}"
        for file, tree in trees_of(layer)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and last_name_of(node.func) in REFUSALS
        and node.args
        and isinstance(node.args[0], ast.Constant | ast.JoinedStr | ast.BinOp)
    ]
    assert wrong == []
