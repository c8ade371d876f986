"""`python -m atoll serve …`: the server. Users run `atoll up`."""

import os
import sys

from atoll import settings
from atoll.roots import all_in_one


def main() -> int:
    arguments = sys.argv[1:]
    if arguments[:1] == ["serve"]:
        arguments = arguments[1:]
    return all_in_one.serve(settings.read(arguments, os.environ))


if __name__ == "__main__":
    sys.exit(main())
