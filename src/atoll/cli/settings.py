"""Finds the server, the API key and the directories of the command line.

The only file of the command line that reads the environment. Order of precedence: options,
ATOLL_URL and ATOLL_API_KEY, ATOLL_CONTEXT, the current context of cli.json, the admin.key of a
local server. A key from a file is only sent to the server that the file names.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from atoll.cli.contexts import Contexts, is_loopback
from atoll.cli.errors import Usage

DEFAULT_URL = "http://127.0.0.1:8080"


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The environment variables and the home directory that the command line uses."""

    environment: Mapping[str, str]
    home: Path

    @classmethod
    def of_this_process(cls) -> "Surroundings":
        return cls(environment=os.environ, home=Path.home())

    @property
    def config_dir(self) -> Path:
        base = self.environment.get("XDG_CONFIG_HOME") or self.home / ".config"
        return Path(base) / "atoll"

    @property
    def state_dir(self) -> Path:
        """The state directory of a server on this machine, unless configured otherwise."""
        if named := self.environment.get("ATOLL_STATE"):
            return Path(named).expanduser()
        base = self.environment.get("XDG_STATE_HOME") or self.home / ".local" / "state"
        return Path(base) / "atoll"

    @property
    def contexts_file(self) -> Path:
        return self.config_dir / "cli.json"


@dataclass(frozen=True, kw_only=True)
class Server:
    """`origin` describes where the key was found; `context` is empty outside of all contexts.
    `one_of_several` is set if a user could take it for another server."""

    url: str
    api_key: str
    origin: str
    context: str = ""
    one_of_several: bool = False

    def __str__(self) -> str:
        return f"{self.url} (context {self.context})" if self.context else self.url


def find_server(
    where: Surroundings, *, url: str | None, api_key: str | None, context: str | None = None
) -> Server:
    """Find the server and the key to use. Raises Usage if there is no key."""
    if url and context:
        raise Usage("use either --url or --context")
    contexts = Contexts.read(where.contexts_file)
    url, name = address_of(where, contexts, url, context)
    require_http(url)
    key, origin = key_of(where, contexts, url, name, given=api_key, chosen=bool(context))
    if not key:
        raise Usage(
            f"no API key for {url}: start a local server with `atoll up`, "
            "set ATOLL_API_KEY, or save a key with `atoll login`"
        )
    several = len(contexts.by_name) > 1 or (bool(contexts.by_name) and not name)
    return Server(url=url, api_key=key, origin=origin, context=name, one_of_several=several)


def address_of(
    where: Surroundings, contexts: Contexts, url: str | None, context: str | None
) -> tuple[str, str]:
    """Return the URL of the server and the name of its context, or no name."""
    environment = where.environment
    if not url and not context:
        url = environment.get("ATOLL_URL")
        context = None if url else environment.get("ATOLL_CONTEXT") or contexts.current
    if context:
        return contexts.get(context)["url"].rstrip("/"), context
    if not url and contexts.by_name:
        known = ", ".join(sorted(contexts.by_name))
        raise Usage(
            f"no context is current: choose one with `atoll context use`; there are: {known}"
        )
    url = (url or DEFAULT_URL).rstrip("/")
    return url, contexts.of_url(url)


def key_of(
    where: Surroundings, contexts: Contexts, url: str, name: str, *, given: str | None, chosen: bool
) -> tuple[str, str]:
    """Return the key and where it was found, or two empty strings. `chosen`: by --context, whose
    key goes before that of the environment."""
    from_environment = where.environment.get("ATOLL_API_KEY")
    if given:
        return given, "--api-key"
    if from_environment and not chosen:
        return from_environment, "ATOLL_API_KEY"
    if key := contexts.key_of(name):
        return key, str(contexts.file)
    admin_key = where.state_dir / "admin.key"
    if is_loopback(url) and admin_key.is_file():
        return admin_key.read_text().strip(), str(admin_key)
    return "", ""


def require_http(url: str) -> None:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise Usage(f"{url!r} is not a valid URL; use a form such as {DEFAULT_URL}")
