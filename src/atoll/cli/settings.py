"""Finds the server, the API key and the directories of the command line.

The only file of the command line that reads the environment. Order of precedence: options,
ATOLL_URL and ATOLL_API_KEY, the profile in cli.json, the admin.key of a local server.
A key from a file is only sent to the server that the file names.
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
    def profiles_file(self) -> Path:
        return self.config_dir / "cli.json"


@dataclass(frozen=True, kw_only=True)
class Server:
    """`origin` describes where the key was found."""

    url: str
    api_key: str
    origin: str


def find_server(where: Surroundings, *, url: str | None, api_key: str | None) -> Server:
    """Find the server and the key to use. Raises Usage if there is no key."""
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
        f"no API key for {url}: start a local server with `atoll up`, "
        "set ATOLL_API_KEY, or save a key with `atoll login`"
    )


def read_profiles(file: Path) -> dict[str, Any]:
    """Read cli.json; no profiles if the file does not exist."""
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
    return f"{file} is not a valid profile file; fix or delete it, then run `atoll login`"


def write_profile(file: Path, name: str, *, url: str, api_key: str) -> None:
    """Save a profile and make it the current one. Only the owner can read the file."""
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
    """Find the key of a profile for this server; the current profile comes first."""
    current = profiles["profiles"].get(profiles.get("current"))
    for profile in filter(None, (current, *profiles["profiles"].values())):
        if same_server(profile["url"], url) and profile.get("api_key"):
            return str(profile["api_key"])
    return None


def require_http(url: str) -> None:
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise Usage(f"{url!r} is not a valid URL; use a form such as {DEFAULT_URL}")


def require_private(file: Path) -> None:
    if file.stat().st_mode & OTHERS_MAY_READ:
        raise Usage(f"{file} contains keys but other users can read it; run `chmod 600 {file}`")


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK_NAMES


def same_server(one: str, other: str) -> bool:
    if one.rstrip("/") == other.rstrip("/"):
        return True
    both_here = is_loopback(one) and is_loopback(other)
    return both_here and urlsplit(one).port == urlsplit(other).port
