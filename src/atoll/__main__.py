"""`python -m atoll serve …`: the server. Users run `atoll up`."""

import os
import sys
from pkgutil import resolve_name

INTERRUPTED = 130


def main() -> int:
    arguments = sys.argv[1:]
    if arguments[:1] == ["serve"]:
        arguments = arguments[1:]
    try:
        # Loaded by name: Ctrl-C may also come while it loads.
        read = resolve_name("atoll.settings:read")
        serve = resolve_name("atoll.roots.all_in_one:serve")
        return int(serve(read(arguments, os.environ)))
    except KeyboardInterrupt:
        sys.stderr.write("atoll: stopped by Ctrl-C\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
