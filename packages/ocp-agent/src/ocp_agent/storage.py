"""Stores documents of APIs and contexts of sessions on this machine, in `~/.ocp`.

Files are readable by their owner only, written atomically, and their names cannot escape the
directory. They contain no credentials, headers or base URLs.
"""

import hashlib
import logging
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ocp_agent.context import AgentContext
from ocp_agent.discovery import spec_of
from ocp_agent.document import Document
from ocp_agent.errors import SchemaDiscoveryError
from ocp_agent.lazily import Lazily
from ocp_agent.names import OperationKey
from ocp_agent.registry import spec_of_answer
from ocp_agent.tools import OCPAPISpec

if TYPE_CHECKING:
    import tempfile
else:
    tempfile = Lazily("tempfile")

FORMAT = 2  # a new one where documents are read differently, so that they are read again
DAY_S = 24 * 60 * 60
PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

log = logging.getLogger("ocp_agent")


class CachedAPI(msgspec.Struct):
    """A file of the cache, with the original document."""

    format: int
    name: str
    cached_at: float
    source: str  # URL or path, or the name in the registry
    source_state: str  # version of a file when it was read
    kind: str  # openapi, or registry
    document: msgspec.Raw
    names: dict[str, str]  # `POST /snapshots` to createSnapshot
    metadata: dict[str, Any]


def file_name(name: str) -> str:
    """Return the name as a file name; with a hash if it is not a valid one."""
    if PLAIN.fullmatch(name):
        return f"{name}.json"
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
    return f"{plain}.{hashlib.blake2b(name.encode(), digest_size=8).hexdigest()}.json"


class OCPStorage:
    def __init__(self, base_path: str | Path | None = None) -> None:
        self.base_path = Path(base_path or "~/.ocp").expanduser()
        self.apis = self.base_path / "cache" / "apis"
        self.sessions = self.base_path / "sessions"

    # -- APIs --

    def cache_api(
        self, name: str, spec: OCPAPISpec, metadata: Mapping[str, Any] | None = None,
        *, source: str = "", kind: str = "openapi",
    ) -> bool:  # fmt: skip
        """Write to the cache; False if that fails, which does not affect the call."""
        cached = CachedAPI(
            format=FORMAT,
            name=name,
            cached_at=time.time(),
            source=source,
            source_state=file_state(source),
            kind=kind,
            document=msgspec.Raw(spec.document.data),
            names={f"{tool.method} {tool.path}": tool.name for tool in spec.tools},
            metadata=dict(metadata or {}),
        )
        return written(self.apis / file_name(name), msgspec.json.encode(cached))

    def get_cached_api(
        self, name: str, max_age_days: float | None = None, *, source: str | None = None
    ) -> OCPAPISpec | None:
        """Read from the cache; None if missing, too old, unreadable, or from another source."""
        cached = self._cached(name)
        if cached is None or (source is not None and cached.source != source):
            return None
        if max_age_days is not None and time.time() - cached.cached_at > max_age_days * DAY_S:
            return None
        if cached.source_state != file_state(cached.source):
            return None
        try:
            return self._spec_of(cached)
        except SchemaDiscoveryError as error:
            log.warning("What is cached of %s cannot be read: %s", name, error)
            return None

    def known_names(self, name: str) -> dict[OperationKey, str]:
        """Return the known names of tools, regardless of their age."""
        cached = self._cached(name)
        given = cached.names if cached is not None else {}
        return {OperationKey(*key.split(" ", 1)): tool for key, tool in given.items() if " " in key}

    def search_cache(self, query: str) -> list[dict[str, Any]]:
        text = query.lower()
        return [one for one in self.list_cached_apis() if text in str(one).lower()]

    def list_cached_apis(self) -> list[dict[str, Any]]:
        found = (read(path, CachedAPI) for path in files_in(self.apis))
        return [
            {"name": one.name, "cached_at": one.cached_at, "source": one.source,
             "tool_count": len(one.names), **one.metadata}
            for one in found if one is not None
        ]  # fmt: skip

    def clear_cache(self, name: str | None = None) -> bool:
        for path in files_in(self.apis) if name is None else [self.apis / file_name(name)]:
            path.unlink(missing_ok=True)
        return True

    def _cached(self, name: str) -> CachedAPI | None:
        cached = read(self.apis / file_name(name), CachedAPI)
        return cached if cached is not None and cached.format == FORMAT else None

    def _spec_of(self, cached: CachedAPI) -> OCPAPISpec:
        document = Document(bytes(cached.document))
        if cached.kind == "registry":
            spec = spec_of_answer(document, cached.source)
        else:
            given = self.known_names(cached.name)
            spec = spec_of(document, cached.source, given)
        spec.name = cached.name
        return spec

    # -- Sessions --

    def save_session(self, session_id: str, context: AgentContext) -> bool:
        record = {"session_id": session_id, "saved_at": time.time(), "context": context.to_dict()}
        return written(self.sessions / file_name(session_id), msgspec.json.encode(record))

    def load_session(self, session_id: str) -> AgentContext | None:
        record = read(self.sessions / file_name(session_id), dict[str, Any])
        context = (record or {}).get("context")
        return AgentContext.from_dict(context) if isinstance(context, dict) else None

    def list_sessions(self, limit: int | None = None) -> list[dict[str, Any]]:
        """List sessions, newest first."""
        records = [one for path in files_in(self.sessions) if (one := read(path, dict[str, Any]))]
        records.sort(key=lambda one: -float(one.get("saved_at", 0)))
        shown = ("agent_type", "current_goal", "last_updated")
        return [
            {"id": one.get("session_id"), **{k: (one.get("context") or {}).get(k) for k in shown}}
            for one in records[:limit]
        ]

    def cleanup_sessions(self, keep_recent: int = 50) -> int:
        """Delete old sessions and return their number."""
        paths = sorted(files_in(self.sessions), key=lambda path: -path.stat().st_mtime)
        for path in paths[keep_recent:]:
            path.unlink(missing_ok=True)
        return len(paths[keep_recent:])


def file_state(source: str) -> str:
    """Return the version of a file; for other sources the age decides."""
    try:
        found = None if "://" in source else Path(source).expanduser().stat()
    except (OSError, ValueError):
        return ""
    return "" if found is None else f"{found.st_mtime_ns}-{found.st_size}"


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


def read(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("%s cannot be read: %s", path.name, error)
        return None


def written(path: Path, content: bytes) -> bool:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent)  # creates the file with mode 0600
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(beside).replace(path)
    except OSError as error:
        log.warning("%s cannot be written: %s", path.name, error)
        return False
    return True
