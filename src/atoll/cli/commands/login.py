"""`atoll login`: keeps a server's URL and key, so that later commands need not be told."""

import sys
from getpass import getpass
from typing import Annotated

from cyclopts import Parameter

from atoll.cli.client import Client
from atoll.cli.errors import Usage
from atoll.cli.settings import DEFAULT_URL, Server, Surroundings, require_http, write_profile


def login(
    url: Annotated[str, Parameter(help="The server.")] = DEFAULT_URL,
    *,
    profile: Annotated[str, Parameter(help="The name to keep it under.")] = "default",
) -> None:
    """Keep a server's URL and key for later commands. The key is asked for, or read from stdin."""
    require_http(url)
    api_key = (getpass("key: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
    if not api_key:
        raise Usage("no key was given: paste it, or pipe it in")
    server = Server(url=url.rstrip("/"), api_key=api_key, origin="login")
    client = Client(server)
    try:
        client.get("/v1/regions", {"limit": 1})
    finally:
        client.close()
    file = Surroundings.of_this_process().profiles_file
    write_profile(file, profile, url=server.url, api_key=api_key)
    print(f"kept in {file} as {profile}; commands now go to {server.url}")
