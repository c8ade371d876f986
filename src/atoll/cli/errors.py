"""What can go wrong in a command; `app.run` prints the sentence and ends with the exit code.

CommandError
├── ServerRefused      1  the server read the request and said no
├── Usage              2  the command line, or what it leads to, cannot be carried out as it is
├── Unreachable        3  no server answers there
├── OperationFailed    4  accepted, but the operation ended in an error
└── TimedOut           5  it did not end in the time that was given
"""


class CommandError(Exception):
    """A sentence that says what to do, and the exit code of the process."""

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
