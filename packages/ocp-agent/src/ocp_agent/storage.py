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
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from ocp_agent.context import AgentContext
from ocp_agent.discovery import spec_of
from ocp_agent.document import Document
from ocp_agent.errors import SchemaDiscoveryError
from ocp_agent.lazily import Lazily
from ocp_agent.names import OperationKey
from ocp_agent.pages import registry_answer
from ocp_agent.registry import spec_of_answer
from ocp_agent.tools import OCPAPISpec

if TYPE_CHECKING:
    import tempfile
else:
    tempfile = Lazily("tempfile")

FORMAT = 3  # a new one where documents are read differently, so that they are read again
PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

log = logging.getLogger("ocp_agent")


class CachedAPI(msgspec.Struct):
    """A file of the cache, with the original document."""

    format: int
    api_name: str
    title: str
    version: str
    description: str
    cached_at: Annotated[datetime, msgspec.Meta(tz=True)]
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
        self.cache_dir = self.base_path / "cache" / "apis"
        self.sessions_dir = self.base_path / "sessions"
        for folder in (self.cache_dir, self.sessions_dir):
            made(folder)

    # -- APIs --

    def cache_api(
        self, name: str, spec: OCPAPISpec, metadata: Mapping[str, Any] | None = None,
        *, source: str = "", kind: str = "openapi",
    ) -> bool:  # fmt: skip
        """Write to the cache; False if that fails, which does not affect the call."""
        data = spec.document.data
        if not spec.document.branch("paths") and kind == "openapi":  # its tools are made by hand
            answer = {**registry_answer(spec, name), "version": spec.version}
            kind, data = "registry", msgspec.json.encode(answer)
        cached = CachedAPI(
            format=FORMAT,
            api_name=name,
            title=spec.title,
            version=spec.version,
            description=spec.description,
            cached_at=datetime.now(timezone.utc),
            source=source,
            source_state=file_state(source),
            kind=kind,
            document=msgspec.Raw(data),
            names={f"{tool.method} {tool.path}": tool.name for tool in spec.tools},
            metadata=dict(metadata or {}),
        )
        return written(self.cache_dir / file_name(name), msgspec.json.encode(cached))

    def get_cached_api(
        self, name: str, max_age_days: float | None = None, *, source: str | None = None
    ) -> OCPAPISpec | None:
        """Read from the cache; None if missing, too old, unreadable, or from another source."""
        cached = self._cached(name)
        if cached is None or (source is not None and cached.source != source):
            return None
        age = datetime.now(timezone.utc) - cached.cached_at
        if max_age_days is not None and age > timedelta(days=max_age_days):
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
        """Describe the APIs whose description or tools have the text in their names."""
        text = query.lower()
        return [
            {"name": one.api_name, "title": one.title, "description": one.description,
             "cached_at": one.cached_at.isoformat(), "source": one.source,
             "tool_count": len(one.names), **one.metadata}
            for one in self._all_cached()
            if text in " ".join([one.api_name, one.title, one.description, one.source,
                                 *one.names, *one.names.values()]).lower()
        ]  # fmt: skip

    def list_cached_apis(self) -> list[str]:
        return [one.api_name for one in self._all_cached()]

    def _all_cached(self) -> list[CachedAPI]:
        found = (read(path, CachedAPI) for path in files_in(self.cache_dir))
        return [one for one in found if one is not None]

    def clear_cache(self, name: str | None = None) -> bool:
        for path in (
            files_in(self.cache_dir) if name is None else [self.cache_dir / file_name(name)]
        ):
            path.unlink(missing_ok=True)
        return True

    def _cached(self, name: str) -> CachedAPI | None:
        cached = read(self.cache_dir / file_name(name), CachedAPI)
        return cached if cached is not None and cached.format == FORMAT else None

    def _spec_of(self, cached: CachedAPI) -> OCPAPISpec:
        document = Document(bytes(cached.document))
        if cached.kind == "registry":
            spec = spec_of_answer(document, cached.source)
        else:
            given = self.known_names(cached.api_name)
            spec = spec_of(document, cached.source, given)
        spec.name = cached.api_name
        return spec

    # -- Sessions --

    def save_session(self, session_id: str, context: AgentContext) -> bool:
        record = {"session_id": session_id, "saved_at": time.time(), **context.to_dict()}
        return written(self.sessions_dir / file_name(session_id), msgspec.json.encode(record))

    def load_session(self, session_id: str) -> AgentContext | None:
        record = read(self.sessions_dir / file_name(session_id), dict[str, Any])
        return None if record is None else AgentContext.from_dict(record)

    def list_sessions(self, limit: int | None = None) -> list[dict[str, Any]]:
        """List sessions, newest first."""
        records = [
            one for path in files_in(self.sessions_dir) if (one := read(path, dict[str, Any]))
        ]
        records.sort(key=lambda one: -float(one.get("saved_at", 0)))
        shown = ("context_id", "agent_type", "user", "current_goal", "last_updated")
        return [
            {"id": one.get("session_id"), **{key: one.get(key) for key in shown}}
            for one in records[:limit]
        ]

    def cleanup_sessions(self, keep_recent: int = 50) -> int:
        """Delete old sessions and return their number."""
        paths = sorted(files_in(self.sessions_dir), key=lambda path: -path.stat().st_mtime)
        for path in paths[keep_recent:]:
            path.unlink(missing_ok=True)
        return len(paths[keep_recent:])


def file_state(source: str) -> str:
    """Return the version of a file; for other sources the age decides."""
    try:
        is_file = source and "://" not in source
        found = Path(source).expanduser().stat() if is_file else None
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


def made(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        log.warning("%s cannot be created: %s", folder.name, error)
        return False
    return True


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
