"""`atoll up`: becomes the server, so that its signals, logs and exit code are the server's.

The server knows its own options and defaults: they are handed on as given, and those that have no
line here as well.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Driver = Literal["simulator", "qemu", "auto"]


def up(
    *more: Annotated[
        str,
        Parameter(
            allow_leading_hyphen=True,
            help="Further options of the server: see `python -m atoll serve --help`.",
        ),
    ],
    state: Annotated[
        Path | None, Parameter(help="Where everything is kept. Default: ~/.local/state/atoll.")
    ] = None,
    host: Annotated[str | None, Parameter(help="The address to listen on.")] = None,
    port: Annotated[int | None, Parameter(help="The port to listen on.")] = None,
    driver: Annotated[Driver | None, Parameter(help="What runs the guests.")] = None,
    network: Annotated[str | None, Parameter(help="What connects them: user or bridge.")] = None,
    database: Annotated[str | None, Parameter(help="A URL. Default: SQLite in --state.")] = None,
    simulator_hosts: Annotated[int | None, Parameter(help="How many simulated hosts.")] = None,
) -> None:
    """Start Atoll here, in the foreground, until it is told to stop."""
    given = {
        "--state": state,
        "--host": host,
        "--port": port,
        "--driver": driver,
        "--network": network,
        "--database": database,
        "--simulator-hosts": simulator_hosts,
    }
    words = [sys.executable, "-m", "atoll", "serve"]
    for option, value in given.items():
        if value is not None:
            words += [option, str(value)]
    os.execv(sys.executable, [*words, *more])  # noqa: S606 (no shell is wanted)
