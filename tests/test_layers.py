"""Imports go down only. Every import counts: inner ones, those under TYPE_CHECKING, those by name.

The layers stand in ARCHITECTURE.md as they stand here. Where this test fails, move the shared thing
down or hand it in by constructor; do not weaken a rule.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

SRC = Path(__file__).parent.parent / "src"
ROOT = "atoll"

# Bottom first. A module belongs to the part with the longest name that it is in or below.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("atoll.domain",),
    ("atoll.messages",),
    ("atoll.ports",),
    ("atoll.store", "atoll.bus", "atoll.drivers", "atoll.networks", "atoll.scheduler"),
    ("atoll.operations", "atoll.agent"),
    ("atoll.service",),
    ("atoll.api.limits",),
    ("atoll.api.http",),
    ("atoll.api.native", "atoll.api.vultr", "atoll.api.genesis", "atoll.api.awx",
     "atoll.api.registry", "atoll.api.mcp"),
    ("atoll.api.asgi", "atoll.api.docs", "atoll.api.openapi"),
    ("atoll.settings", "atoll.state_dir", "atoll.system"),
    ("atoll.hypervisors",),
    ("atoll.app",),
    ("atoll.__main__",),
)  # fmt: skip
CLIENTS = ("atoll.cli", "atoll.console")
PACKAGES_ALONE = ("atoll", "atoll.api")
COMPOSITION_ROOT = ("atoll.app", "atoll.hypervisors")
CONCRETE = ("atoll.store", "atoll.bus", "atoll.drivers", "atoll.networks")
DRAWS_UPON_ANY_DOMAIN = ("msgspec",)


class Import(NamedTuple):
    by: str
    of: str
    line: int

    def __str__(self) -> str:
        return f"{self.by}:{self.line} imports {self.of}"


def name_of(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted((SRC / ROOT).rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(), str(path)) for name, path in MODULES.items()}


def imports_of(name: str) -> Iterator[Import]:
    for node in ast.walk(TREES[name]):
        match node:
            case ast.Import(names=names):
                yield from (Import(name, alias.name, node.lineno) for alias in names)
            case ast.ImportFrom(module=module, level=0, names=names):
                for alias in names:
                    yield Import(name, whole(f"{module}.{alias.name}", str(module)), node.lineno)
            case ast.ImportFrom():
                yield Import(name, "a relative import: write the whole name", node.lineno)
            case ast.Constant(value=str(text)) if is_module_by_name(text):
                yield Import(name, text.partition(":")[0], node.lineno)


def whole(longer: str, shorter: str) -> str:
    """`from package import module` is an import of the module."""
    return longer if longer in MODULES else shorter


def is_module_by_name(text: str) -> bool:
    """As the command line names its subcommands: `atoll.cli.up:up`."""
    return re.fullmatch(r"atoll(\.\w+)+(:\w+)?", text) is not None and (
        text.partition(":")[0] in MODULES
    )


IMPORTS = [found for name in MODULES for found in imports_of(name)]
OWN_IMPORTS = [found for found in IMPORTS if is_in(found.of, ROOT)] if False else [
    found for found in IMPORTS if found.of == ROOT or found.of.startswith(f"{ROOT}.")
]
