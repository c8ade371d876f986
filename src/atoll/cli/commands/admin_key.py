"""`atoll admin-key --recover`: on the machine of the server, without an API key."""

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from atoll.cli.errors import Usage


def admin_key(
    *,
    recover: Annotated[
        bool, Parameter(negative="", help="Make a new admin key; the one before becomes invalid.")
    ] = False,
    state: Annotated[
        Path | None, Parameter(help="State directory. Default: ~/.local/state/atoll.")
    ] = None,
    database: Annotated[
        str | None, Parameter(help="Database URL. Default: SQLite in --state.")
    ] = None,
    new_secret: Annotated[
        bool,
        Parameter(
            negative="",
            help="Use the server.secret in --state, or a new one, if that of the database is lost. "
            "All other API keys become invalid.",
        ),
    ] = False,
) -> None:
    """Replace a lost admin key, as the user who runs the server. The server may be running."""
    if not recover:
        raise Usage(
            "atoll admin-key replaces the admin key of this machine's server: add --recover"
        )
    words = [sys.executable, "-m", "atoll", "admin-key"]
    for option, value in {"--state": state, "--database": database}.items():
        if value is not None:
            words += [option, str(value)]
    if new_secret:
        words.append("--new-secret")
    os.execv(sys.executable, words)  # noqa: S606 (no shell is wanted)
