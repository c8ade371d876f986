"""Every bound of the library by name. Handed to `OCPAgent(limits=…)`; nothing else is unbounded."""

import msgspec


class Limits(msgspec.Struct, frozen=True):
    timeout_s: float = 30.0
    calls_at_once: int = 32  # those awaited at the same time; further ones take their turn

    attempts: int = 4
    retry_first_s: float = 0.5
    retry_after_s: float = 30.0  # a Retry-After beyond that is the caller's to decide
    redirects: int = 5

    wait_s: float = 600.0
    poll_first_s: float = 0.5
    poll_longest_s: float = 10.0

    pages: int = 20
    items: int = 10_000

    response_bytes: int = 16 * 1024 * 1024


# Of the protocol, or of what others accept: not for callers to choose.
DOCUMENT_BYTES = 64 * 1024 * 1024
TOOL_NAME_LONGEST = 64
SESSION_BYTES = 8 * 1024
HISTORY_ITEMS = 100
RECENT_CHANGES = 10
SCHEMA_NODES = 1_000  # of what is shown of a tool's arguments, and of its answer
