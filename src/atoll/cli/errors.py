"""The errors of a command; `app.run` prints the message and exits with the code.

CommandError
├── ServerRefused      1  the server rejected the request
├── Usage              2  the command line is invalid, or cannot be carried out as given
├── Unreachable        3  the server cannot be reached
├── OperationFailed    4  the operation was accepted and then failed
├── TimedOut           5  the operation did not end within the timeout
└── Interrupted      130  Ctrl-C while waiting for what goes on without the command
"""


class CommandError(Exception):
    """A message that says what to do, and the exit code of the process."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ServerRefused(CommandError):
    """`status` and `code` are the server's; `message` already names the field."""

    exit_code = 1

    def __init__(self, message: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Usage(CommandError):
    exit_code = 2


class Unreachable(CommandError):
    exit_code = 3


class OperationFailed(CommandError):
    exit_code = 4


class TimedOut(CommandError):
    exit_code = 5


class Interrupted(CommandError):
    exit_code = 130
