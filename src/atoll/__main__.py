"""`python -m atoll serve …`: the server. What people type is `atoll up`."""

import os
import sys

from atoll import app, settings


def main() -> int:
    arguments = sys.argv[1:]
    if arguments[:1] == ["serve"]:
        arguments = arguments[1:]
    return app.serve(settings.read(arguments, os.environ))


if __name__ == "__main__":
    sys.exit(main())
