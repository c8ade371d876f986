"""Imports go down only. Every import counts: inner ones, those under TYPE_CHECKING, those by name.

The layers stand in ARCHITECTURE.md as they stand here. Where a test fails, move the shared thing
down or hand it in by constructor; do not weaken the rule.
"""

import ast
import functools
import graphlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.sources import tree_of

SRC = Path(__file__).parent.parent / "src"

# Bottom first. Those of one layer never import one another.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("atoll.domain",),
    ("atoll.messages",),
    ("atoll.ports",),
    ("atoll.outbound",),
    ("atoll.store", "atoll.bus", "atoll.drivers", "atoll.networks", "atoll.scheduler"),
    ("atoll.operations", "atoll.agent"),
    ("atoll.service",),
    ("atoll.api.limits", "atoll.api.ocp", "atoll.api.wording", "atoll.api.problems",
     "atoll.api.rendered"),
    ("atoll.api.http",),
    ("atoll.api.documents", "atoll.api.serving"),
    ("atoll.api.foreign",),
    ("atoll.api.native", "atoll.api.vultr", "atoll.api.genesis", "atoll.api.awx",
     "atoll.api.registry", "atoll.api.mcp", "atoll.names"),
    ("atoll.api.asgi", "atoll.api.docs", "atoll.api.native.openapi"),
    ("atoll.settings", "atoll.state_dir", "atoll.system"),
    ("atoll.contexts",),
    ("atoll.roots",),
    ("atoll.__main__",),
)  # fmt: skip
HEIGHT_OF = {part: height for height, layer in enumerate(LAYERS) for part in layer}
# They speak HTTP to the server and know nothing else of it.
CLIENTS = ("atoll.cli", "atoll.console")

COMPOSITION_ROOT = {"atoll.roots"}
CONCRETE = {"atoll.outbound.courier", "atoll.store", "atoll.bus", "atoll.drivers", "atoll.networks"}
DATABASES = {"sqlalchemy", "asyncpg", "sqlite3", "alembic"}
IMPURE = {
    "asyncio", "datetime", "logging", "os", "pathlib", "random", "secrets", "shutil", "socket",
    "structlog", "subprocess", "sys", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
# What contracts may be written with.
CONTRACT_WORDS = {"collections", "contextlib", "dataclasses", "enum", "ipaddress", "typing"} | {
    "msgspec", "atoll", "__future__",
}  # fmt: skip
# `__main__` hands the environment to `settings` and looks at nothing in it.
READERS_OF_THE_ENVIRONMENT = {"atoll.settings", "atoll.cli.settings", "atoll.__main__"}


class Import(NamedTuple):
    by: str
    of: str
    line: int

    def __str__(self) -> str:
        return f"{self.by}, line {self.line}, imports {self.of}"


def name_of(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted((SRC / "atoll").rglob("*.py"))}


def imports_in(name: str, tree: ast.AST) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(name, alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield Import(name, "something relative: write the whole name", node.lineno)
        elif isinstance(node, ast.ImportFrom):
            package = node.module or ""
            for alias in node.names:
                module = f"{package}.{alias.name}"
                yield Import(name, module if module in FILES else package, node.lineno)
        elif isinstance(node, ast.Constant) and (module := module_by_name(node.value)):
            yield Import(name, module, node.lineno)


def module_by_name(value: object) -> str:
    """A module that is loaded by its name, as the command line's: `atoll.cli.up:up`."""
    if isinstance(value, str) and re.fullmatch(r"atoll(\.\w+)+(:\w+)?", value):
        module = value.partition(":")[0]
        return module if module in FILES else ""  # atoll.db is a file of another kind
    return ""


@functools.cache
def imports() -> tuple[Import, ...]:
    return tuple(one for name, path in FILES.items() for one in imports_in(name, tree_of(path)))


def own_imports() -> list[Import]:
    return [found for found in imports() if found.of.split(".")[0] == "atoll"]


def part_of(module: str, parts: Iterable[str] = (*HEIGHT_OF, *CLIENTS)) -> str | None:
    """The layer's part that the module is, or lies in."""
    return next((part for part in parts if module == part or module.startswith(f"{part}.")), None)


def breach(found: Import) -> str | None:
    """What is wrong with an import, if anything is."""
    by, of = part_of(found.by), part_of(found.of)
    if by == of:
        return None
    if by is None or of is None:
        return f"{found}: one of them stands in no layer"
    if by in CLIENTS or of in CLIENTS:
        return f"{found}: clients and server share nothing"
    if HEIGHT_OF[of] == HEIGHT_OF[by]:
        return f"{found}: they are of one layer"
    if HEIGHT_OF[of] > HEIGHT_OF[by]:
        return f"{found}: that is upwards"
    return None


def test_every_module_stands_in_a_layer() -> None:
    packages = {name for name, path in FILES.items() if path.name == "__init__.py"}
    strays = {name for name in FILES if part_of(name) is None} - packages
    assert not strays, "give them a place in LAYERS and in ARCHITECTURE.md"
    empty = [p for p in ("atoll", "atoll.api") if any(i.by == p for i in imports())]
    assert not empty, "a package above layers holds nothing but its docstring"


def test_imports_go_down_only() -> None:
    assert [wrong for found in own_imports() if (wrong := breach(found))] == []


def test_only_the_composition_root_knows_concrete_stores_buses_drivers_and_networks() -> None:
    wrong = [
        str(found)
        for found in own_imports()
        if part_of(found.of) in CONCRETE
        and part_of(found.by) not in {part_of(found.of), *COMPOSITION_ROOT}
    ]
    assert wrong == []


def test_no_modules_import_one_another_in_a_circle() -> None:
    graph: dict[str, set[str]] = {name: set() for name in FILES}
    for found in own_imports():
        if found.by != found.of:
            graph[found.by].add(found.of)
    order = list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, naming it
    assert set(order) >= set(FILES)


def test_the_domain_is_pure() -> None:
    wrong = [
        str(found)
        for found in imports()
        if part_of(found.by) == "atoll.domain" and found.of.split(".")[0] in IMPURE
    ]
    waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    for name, path in FILES.items():
        if part_of(name) == "atoll.domain":
            nodes = [node for node in ast.walk(tree_of(path)) if isinstance(node, waits)]
            wrong += [f"{name}, line {node.lineno}, waits" for node in nodes]
    assert wrong == []


def test_messages_and_ports_are_contracts_without_anything_that_acts() -> None:
    wrong = [
        str(found)
        for found in imports()
        if found.by in {"atoll.messages", "atoll.ports"}
        and found.of.split(".")[0] not in CONTRACT_WORDS
    ]
    assert wrong == []


def test_only_the_store_speaks_to_databases() -> None:
    wrong = [
        str(found)
        for found in imports()
        if found.of.split(".")[0] in DATABASES and part_of(found.by) != "atoll.store"
    ]
    assert wrong == []


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        name
        for name, path in FILES.items()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}
    }
    assert readers <= READERS_OF_THE_ENVIRONMENT


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("import atoll.roots.api", "atoll.roots.api"),
        ("from atoll.roots import api", "atoll.roots.api"),
        ("def f():\n    from atoll.roots.api import front_of", "atoll.roots.api"),
        ("if TYPE_CHECKING:\n    from atoll.roots.api import made", "atoll.roots.api"),
        ("import_module('atoll.roots.api')", "atoll.roots.api"),
        ("target = 'atoll.roots.api:made'", "atoll.roots.api"),
    ],
)
def test_an_upward_import_is_seen_however_it_is_written(source: str, module: str) -> None:
    found = [i for i in imports_in("atoll.domain.ids", ast.parse(source)) if i.of == module]
    assert [breach(i) for i in found] == [
        f"atoll.domain.ids, line {i.line}, imports atoll.roots.api: that is upwards" for i in found
    ]
    assert found
