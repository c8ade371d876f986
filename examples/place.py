"""Where the examples find an Atoll, and the key to it. `make demo` starts one.

`ATOLL_URL` says where it is if not at http://127.0.0.1:8080; `ATOLL_KEY_FILE` where its key lies.
"""

import os
from pathlib import Path

URL = os.environ.get("ATOLL_URL", "http://127.0.0.1:8080")
KEY_FILE = Path(os.environ.get("ATOLL_KEY_FILE", ".demo/state/admin.key"))
try:
    KEY = KEY_FILE.read_text().strip()
except OSError as error:
    raise SystemExit(
        f"There is no key to read at {KEY_FILE} ({error.strerror}). Start an Atoll with `make demo`"
        " and run this from the repository's folder, or say ATOLL_KEY_FILE and ATOLL_URL."
    ) from None
VULTR = f"{URL}/v2/openapi.json"
NATIVE = f"{URL}/openapi.json"

# The tool pages register by name alone. Where a registry is named, that is enough here, too.
FROM_REGISTRY = "OCP_REGISTRY_URL" in os.environ
os.environ.setdefault("OCP_AUTH_VULTR", KEY)
