"""Registers this server as a context of the command line. The format: docs/operating/cli.md.

Only the first server becomes the current context: one that starts later must not receive the
commands that were meant for another.
"""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from atoll.state_dir import write_private

FIRST = "local"
NOT_OF_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")
EVERY_ADDRESS = frozenset({"", "0.0.0.0"})  # noqa: S104 (what is listened on is read, not chosen)
HERE = frozenset({"127.0.0.1", "localhost", "::1", *EVERY_ADDRESS})

Contexts = dict[str, dict[str, Any]]


def url_here(host: str, port: int) -> str:
    """The URL of a server for clients on its own machine."""
    return f"http://{'127.0.0.1' if host in EVERY_ADDRESS else host}:{port}"


def remember(config_file: Path, *, url: str, api_key: str, state: Path) -> tuple[str, str]:
    """Add or update the context of this server. Returns its name and that of the current one."""
    kept = read(config_file)
    contexts: Contexts = kept["contexts"]
    for name in [name for name, one in contexts.items() if is_gone(one)]:
        del contexts[name]
    name = known_name(contexts, api_key, state) or free_name(contexts, url, state)
    contexts[name] = {"url": url, "api_key": api_key, "state": str(state)}
    if kept["current"] not in contexts:
        kept["current"] = name
    config_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(config_file, json.dumps(kept, indent=2) + "\n")
    return name, str(kept["current"])


def renew(config_file: Path, *, api_key: str, state: Path) -> str | None:
    """Give the context of this server another key. Returns its name, or None if it has none."""
    kept = read(config_file)
    for name, one in kept["contexts"].items():
        if one.get("state") == str(state):
            one["api_key"] = api_key
            write_private(config_file, json.dumps(kept, indent=2) + "\n")
            return str(name)
    return None


def read(config_file: Path) -> dict[str, Any]:
    """Return what is kept, or nothing if the file is absent or damaged. Until 0.1 contexts were
    called profiles."""
    with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
        kept = json.loads(config_file.read_text())
        contexts = dict(kept.get("contexts") or kept.get("profiles") or {})
        if all(isinstance(one.get("url"), str) for one in contexts.values()):
            return {"current": str(kept.get("current") or ""), "contexts": contexts}
    return {"current": "", "contexts": {}}


def is_gone(context: dict[str, Any]) -> bool:
    """Whether the state directory of a server that registered itself was deleted."""
    return "state" in context and not Path(context["state"]).is_dir()


def known_name(contexts: Contexts, api_key: str, state: Path) -> str | None:
    """The context of this server from an earlier start, at whatever port."""
    for name, one in contexts.items():
        if one.get("state") == str(state):
            return name
    for name, one in contexts.items():
        if "state" not in one and one.get("api_key") == api_key and is_here(one["url"]):
            return name
    return None


def is_here(url: str) -> bool:
    return urlsplit(url).hostname in HERE


def free_name(contexts: Contexts, url: str, state: Path) -> str:
    return next(name for name in names(url, state) if name and name not in contexts)


def names(url: str, state: Path) -> Iterator[str]:
    yield FIRST
    yield NOT_OF_NAMES.sub("-", state.name).strip("-.")
    yield f"{FIRST}-{urlsplit(url).port}"
    yield from (f"{FIRST}-{number}" for number in range(2, 1_000_000))
