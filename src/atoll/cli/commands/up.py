"""`atoll up`: replaces this process with the server, so that signals, logs and the exit code match.

All options are passed on as given, including those not declared here. Their defaults are defined by
the server.
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
            help="Other server options; see `python -m atoll serve --help`.",
        ),
    ],
    state: Annotated[
        Path | None, Parameter(help="State directory. Default: ~/.local/state/atoll.")
    ] = None,
    host: Annotated[str | None, Parameter(help="Address to listen on.")] = None,
    port: Annotated[int | None, Parameter(help="Port to listen on.")] = None,
    driver: Annotated[Driver | None, Parameter(help="Driver that runs the guests.")] = None,
    network: Annotated[str | None, Parameter(help="Network of the guests: user or bridge.")] = None,
    database: Annotated[
        str | None, Parameter(help="Database URL. Default: SQLite in --state.")
    ] = None,
    simulator_hosts: Annotated[int | None, Parameter(help="Number of simulated hosts.")] = None,
) -> None:
    """Start the server in the foreground. Stop it with Ctrl-C or SIGTERM."""
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
