"""`atoll login`: saves a server's URL and API key for later commands."""

import sys
from getpass import getpass
from typing import Annotated

from cyclopts import Parameter

from atoll.cli.client import Client
from atoll.cli.contexts import Contexts
from atoll.cli.errors import Usage
from atoll.cli.settings import DEFAULT_URL, Server, Surroundings, require_http


def login(
    url: Annotated[str, Parameter(help="URL of the server.")] = DEFAULT_URL,
    *,
    context: Annotated[
        str, Parameter(name=("--context", "--profile"), help="Name of the context.")
    ] = "default",
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
    contexts = Contexts.read(Surroundings.of_this_process().contexts_file)
    contexts.keep(context, url=server.url, api_key=api_key)
    print(f"saved in {contexts.file} as the context {context}; commands now use {server.url}")
