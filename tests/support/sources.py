"""Syntax trees of Python files, each parsed when a test first asks for it. Every worker of pytest
imports every test module, so no module may parse at its import what only its own tests need."""

import ast
import functools
from pathlib import Path


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))
