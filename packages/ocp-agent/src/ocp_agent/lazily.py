"""Modules that are loaded at their first use, because importing this library should cost nothing.

httpx2, jsonschema-rs and asyncio take longer to import than everything here; who only reads a
document needs none of them.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

# One library under two names: the first is gone on with, the second runs on Python 3.10.
HTTPX = "httpx2" if sys.version_info >= (3, 11) else "httpx"


class Lazily(ModuleType):
    """Stands for a module, and asks the real one for everything, once."""

    def __getattr__(self, name: str) -> Any:
        found = self.__dict__[name] = getattr(import_module(self.__name__), name)
        return found
