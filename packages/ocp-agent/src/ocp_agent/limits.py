"""All limits of the library, by name. Pass them to `OCPAgent(limits=…)`."""

import msgspec


class Limits(msgspec.Struct, frozen=True):
    timeout_s: float = 30.0
    calls_at_once: int = 32  # concurrent calls; further ones wait

    attempts: int = 4
    retry_first_s: float = 0.5
    retry_after_s: float = 30.0  # a longer Retry-After is left to the caller
    redirects: int = 5

    wait_s: float = 600.0
    poll_first_s: float = 0.5
    poll_longest_s: float = 10.0

    pages: int = 20
    items: int = 10_000

    response_bytes: int = 16 * 1024 * 1024


# Fixed by the protocol, or by what models and servers accept.
DOCUMENT_BYTES = 64 * 1024 * 1024
DOCUMENT_NODES = 2_000_000  # of YAML, whose aliases can expand far beyond the size of the file
TOOL_NAME_LONGEST = 64
SESSION_BYTES = 8 * 1024
HISTORY_ITEMS = 100
RECENT_CHANGES = 10
SCHEMA_NODES = 1_000  # for the displayed arguments of a tool, and its response
