"""Where the server is, which key opens it, and where the command line keeps its own files.

The only file of the command line that reads the environment. The order is: options, ATOLL_URL and
ATOLL_API_KEY, the profile in cli.json, and last the admin.key that a local server wrote.
A key found in a file is only ever sent to the server that the file names.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from atoll.cli.errors import Usage

DEFAULT_URL = "http://127.0.0.1:8080"
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
OTHERS_MAY_READ = 0o077


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The process's environment and home, as far as the command line looks at them."""

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
        """Where a server on this machine keeps its state, unless it was told otherwise."""
        if named := self.environment.get("ATOLL_STATE"):
            return Path(named).expanduser()
        base = self.environment.get("XDG_STATE_HOME") or self.home / ".local" / "state"
        return Path(base) / "atoll"

    @property
    def profiles_file(self) -> Path:
        return self.config_dir / "cli.json"


@dataclass(frozen=True, kw_only=True)
class Server:
    """`origin` says in words where the key was found."""

    url: str
    api_key: str
    origin: str


def find_server(where: Surroundings, *, url: str | None, api_key: str | None) -> Server:
    """The server and the key to use. Raises Usage where there is no key."""
    profiles = read_profiles(where.profiles_file)
    url = url or where.environment.get("ATOLL_URL") or current_url(profiles) or DEFAULT_URL
    url = url.rstrip("/")
    require_http(url)
    if api_key:
        return Server(url=url, api_key=api_key, origin="--api-key")
    if key := where.environment.get("ATOLL_API_KEY"):
        return Server(url=url, api_key=key, origin="ATOLL_API_KEY")
    if key := profile_key(profiles, url):
        require_private(where.profiles_file)
        return Server(url=url, api_key=key, origin=str(where.profiles_file))
    admin_key = where.state_dir / "admin.key"
    if is_loopback(url) and admin_key.is_file():
        return Server(url=url, api_key=admin_key.read_text().strip(), origin=str(admin_key))
    raise Usage(
        f"no key for {url}: start a server here with `atoll up`, "
        "or set ATOLL_API_KEY, or keep a key with `atoll login`"
    )


def read_profiles(file: Path) -> dict[str, Any]:
    """The whole of cli.json; an empty one where there is none yet."""
    try:
        found = json.loads(file.read_text())
        profiles = found["profiles"]
        sound = all(isinstance(profile.get("url"), str) for profile in profiles.values())
    except FileNotFoundError:
        return {"current": "", "profiles": {}}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Usage(unreadable(file)) from error
    if not sound:
        raise Usage(unreadable(file))
    return dict(found)


def unreadable(file: Path) -> str:
    return f"{file} cannot be read as profiles: mend or remove it, then run `atoll login`"


def write_profile(file: Path, name: str, *, url: str, api_key: str) -> None:
    """Keeps a profile and makes it the current one. The file is never readable by others."""
    profiles = read_profiles(file)
    profiles["profiles"][name] = {"url": url, "api_key": api_key}
    profiles["current"] = name
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(profiles, stream, indent=2)
        stream.write("\n")
    fresh.replace(file)


def current_url(profiles: dict[str, Any]) -> str | None:
    profile = profiles["profiles"].get(profiles.get("current"))
    return profile["url"] if profile else None


def profile_key(profiles: dict[str, Any], url: str) -> str | None:
    """The key kept for this server; the current profile goes first."""
    current = profiles["profiles"].get(profiles.get("current"))
    for profile in filter(None, (current, *profiles["profiles"].values())):
        if same_server(profile["url"], url) and profile.get("api_key"):
            return str(profile["api_key"])
    return None


def require_http(url: str) -> None:
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise Usage(f"{url!r} is not a server's URL: write it as {DEFAULT_URL}")


def require_private(file: Path) -> None:
    if file.stat().st_mode & OTHERS_MAY_READ:
        raise Usage(f"{file} holds keys and others may read it: run `chmod 600 {file}`")


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK_NAMES


def same_server(one: str, other: str) -> bool:
    if one.rstrip("/") == other.rstrip("/"):
        return True
    both_here = is_loopback(one) and is_loopback(other)
    return both_here and urlsplit(one).port == urlsplit(other).port
