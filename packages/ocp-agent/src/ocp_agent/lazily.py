"""Modules that are loaded on first use, so that importing this library is fast.

httpx2, jsonschema-rs and asyncio take longer to import than everything here, and reading a document
needs none of them.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

# One library under two names: httpx2 is its successor, httpx supports Python 3.10.
HTTPX = "httpx2" if sys.version_info >= (3, 11) else "httpx"


class Lazily(ModuleType):
    """A proxy of a module that loads the real one on first access."""

    def __getattr__(self, name: str) -> Any:
        found = self.__dict__[name] = getattr(import_module(self.__name__), name)
        return found
