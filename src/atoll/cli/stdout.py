"""What happens if the output cannot be written: one line, and no traceback at exit."""

import errno
import os
import sys

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
FAILED = 1


def output_failed(error: OSError) -> int:
    """Say so, and return the exit code."""
    print(f"atoll: cannot write the output: {error.strerror}", file=sys.stderr)
    # Keep Python from flushing into it at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED
