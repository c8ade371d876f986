"""The entry point of `atoll`. It prints the overview itself and leaves all else to `app.py`.

The overview needs neither a parser nor a table, so `atoll --help` answers at once. Every import
here slows down every command and every shell completion.
"""

import importlib
import sys

from atoll.cli.command_list import COMMANDS
from atoll.cli.stdout import output_failed

OVERVIEW: tuple[list[str], ...] = ([], ["--help"], ["-h"])


def main() -> None:
    words = sys.argv[1:]
    if words in OVERVIEW:
        try:
            print(overview(), flush=True)
        except OSError as error:
            sys.exit(output_failed(error))
        sys.exit(0)
    # Loaded by name, as the subcommands are: their libraries take longer than the whole overview.
    sys.exit(importlib.import_module("atoll.cli.app").run(words))


def overview() -> str:
    width = max(len(command.name) for command in COMMANDS)
    lines = [f"  {command.name.ljust(width)}  {command.help}" for command in COMMANDS]
    return "\n".join(
        (
            "Usage: atoll COMMAND",
            "",
            "A self-hosted compute cloud.",
            "",
            "Commands:",
            *lines,
            "",
            "  --install-completion  install shell completion",
            "  --version             print the version",
            "",
            "Every command takes --help, --output, --context, --url and --api-key.",
        )
    )
