"""`python -m atoll serve …`: the server; `python -m atoll admin-key …`: a new admin key. Users run
`atoll up` and `atoll admin-key`."""

import os
import sys
from pkgutil import resolve_name

INTERRUPTED = 130
PROGRAMS = {
    "serve": "atoll.roots.all_in_one:main",
    "admin-key": "atoll.roots.admin_key_recover:main",
}


def main() -> int:
    verb, *arguments = sys.argv[1:] or ["serve"]
    if verb not in PROGRAMS:
        verb, arguments = "serve", [verb, *arguments]
    try:
        # Loaded by name: Ctrl-C may also come while it loads.
        return int(resolve_name(PROGRAMS[verb])(arguments, os.environ))
    except KeyboardInterrupt:
        sys.stderr.write("atoll: stopped by Ctrl-C\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
