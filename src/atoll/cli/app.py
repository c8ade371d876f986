"""The parser: finds a command, runs it, and turns an error into a message and an exit code.

Subcommands are registered by import path, so only the requested one is loaded.
"""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError
from cyclopts.exceptions import UnusedCliTokensError

from atoll.cli.command_list import COMMANDS
from atoll.cli.errors import CommandError, Usage
from atoll.cli.stdout import FULL, output_failed
from atoll.cli.words import usual

INTERRUPTED = 130
PIPE_CLOSED = 141


def make_app() -> App:
    app = App(
        name="atoll",
        help="A self-hosted compute cloud.",
        version=lambda: version("atoll"),
        # Rendering help as Markdown costs 0.1 s.
        help_format="plaintext",
        suppress_keyboard_interrupt=False,
    )
    for command in COMMANDS:
        app.command(command.target, name=command.name, help=command.help)
    app.register_install_completion_command()
    return app


def run(words: Sequence[str]) -> int:
    """Run one command line and return the exit code of the process."""
    try:
        make_app()(
            usual(words), exit_on_error=False, print_error=False, result_action="return_none"
        )
        sys.stdout.flush()
    except CycloptsError as error:
        print(f"atoll: {wrong_words(error)}", file=sys.stderr)
        return Usage.exit_code
    except CommandError as error:
        print(f"atoll: {error.message}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader closed the pipe. Keep Python from flushing into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        if error.errno not in FULL:
            raise
        return output_failed(error)
    return 0


def wrong_words(error: CycloptsError) -> str:
    """Say what is wrong with a command line, and where its help is."""
    command = " ".join(("atoll", *(error.command_chain or ())))
    if isinstance(error, UnusedCliTokensError):
        more = " ".join(error.unused_tokens or ())
        said = f"{command} takes no further arguments, but was given: {more}"
    else:
        said = str(error)
    return f"{said}\n  see `{command} --help`"
