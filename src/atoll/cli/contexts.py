"""The contexts of the command line, in cli.json: servers by name, with their keys; one is current.

The server writes this file too, when it starts (`atoll/contexts.py`). The format is described in
docs/operating/cli.md.
"""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from atoll.cli.errors import Usage

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
OTHERS_MAY_READ = 0o077


@dataclass
class Contexts:
    """`current` is empty if none is chosen."""

    file: Path
    current: str = ""
    by_name: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> "Contexts":
        """Read the file; no contexts if it does not exist. Earlier versions called them profiles.
        Raises Usage if it is damaged."""
        try:
            kept = json.loads(file.read_text())
            by_name = kept["contexts"] if "contexts" in kept else kept["profiles"]
            sound = all(isinstance(one.get("url"), str) for one in by_name.values())
        except FileNotFoundError:
            return cls(file)
        except OSError as error:
            raise Usage(f"cannot read {file}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Usage(damaged(file)) from error
        if not sound:
            raise Usage(damaged(file))
        current = kept.get("current") or ""
        return cls(file, current if current in by_name else "", dict(by_name))

    def write(self) -> None:
        """Only the owner can read the file."""
        kept = {"current": self.current, "contexts": self.by_name}
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self.file.with_name(f".{self.file.name}.{os.getpid()}")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as stream:
                json.dump(kept, stream, indent=2)
                stream.write("\n")
            fresh.replace(self.file)
        except OSError as error:
            raise Usage(f"cannot write {self.file}: {error.strerror}") from error

    def get(self, name: str) -> dict[str, Any]:
        """Raises Usage if there is no context of this name."""
        if name not in self.by_name:
            known = ", ".join(sorted(self.by_name)) or "none yet"
            raise Usage(f"no context named {name!r}; there are: {known}")
        return self.by_name[name]

    def keep(self, name: str, *, url: str, api_key: str) -> None:
        """Add or replace a context, and make it the current one."""
        if not NAME.fullmatch(name):
            raise Usage(
                f"{name!r} is not a name for a context: use up to 63 letters, digits, dots, "
                "underscores and hyphens, beginning with a letter or digit"
            )
        self.by_name[name] = {"url": url, "api_key": api_key}
        self.current = name
        self.write()

    def of_url(self, url: str) -> str:
        """The name of the context of this server, the current one first; empty if there is none."""
        for name in filter(None, (self.current, *self.by_name)):
            if same_server(self.by_name[name]["url"], url) and self.by_name[name].get("api_key"):
                return name
        return ""

    def key_of(self, name: str) -> str:
        """The key of a context; empty if it has none. Raises Usage if others can read the file."""
        key = self.by_name[name].get("api_key") if name else ""
        if key and self.file.stat().st_mode & OTHERS_MAY_READ:
            cure = f"run `chmod 600 {self.file}`"
            raise Usage(f"{self.file} contains keys but other users can read it; {cure}")
        return str(key or "")


def damaged(file: Path) -> str:
    return f"{file} is not a valid file of contexts; fix or delete it, then run `atoll login`"


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK_NAMES


def same_server(one: str, other: str) -> bool:
    if one.rstrip("/") == other.rstrip("/"):
        return True
    both_here = is_loopback(one) and is_loopback(other)
    return both_here and urlsplit(one).port == urlsplit(other).port
