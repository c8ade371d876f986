"""Finds the server and the API key for the examples. `make demo` starts a server.

`ATOLL_URL` is its URL, by default http://127.0.0.1:8080; `ATOLL_KEY_FILE` the path of its key.
"""

import os
from pathlib import Path

URL = os.environ.get("ATOLL_URL", "http://127.0.0.1:8080")
KEY_FILE = Path(os.environ.get("ATOLL_KEY_FILE", ".demo/state/admin.key"))
try:
    KEY = KEY_FILE.read_text().strip()
except OSError as error:
    raise SystemExit(
        f"Cannot read the key {KEY_FILE} ({error.strerror}). Start a server with `make demo` and"
        " run this in the root of the repository, or set ATOLL_KEY_FILE and ATOLL_URL."
    ) from None
VULTR = f"{URL}/v2/openapi.json"
NATIVE = f"{URL}/openapi.json"

# The tool pages register by name only, which also works here if a registry is configured.
FROM_REGISTRY = "OCP_REGISTRY_URL" in os.environ
os.environ.setdefault("OCP_AUTH_VULTR", KEY)
