"""`atoll login`: saves a server's URL and API key for later commands."""

import sys
from getpass import getpass
from typing import Annotated

from cyclopts import Parameter

from atoll.cli.client import Client
from atoll.cli.errors import Usage
from atoll.cli.settings import DEFAULT_URL, Server, Surroundings, require_http, write_profile


def login(
    url: Annotated[str, Parameter(help="URL of the server.")] = DEFAULT_URL,
    *,
    profile: Annotated[str, Parameter(help="Name of the profile.")] = "default",
) -> None:
    """Save a server's URL and API key for later commands. Prompts for the key, or reads stdin."""
    require_http(url)
    api_key = (getpass("API key: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
    if not api_key:
        raise Usage("no API key given: paste it at the prompt, or pipe it to stdin")
    server = Server(url=url.rstrip("/"), api_key=api_key, origin="login")
    client = Client(server)
    try:
        client.get("/v1/regions", {"limit": 1})
    finally:
        client.close()
    file = Surroundings.of_this_process().profiles_file
    write_profile(file, profile, url=server.url, api_key=api_key)
    print(f"saved in {file} as profile {profile}; commands now use {server.url}")
