"""What a database knows of the servers that may use it."""

import msgspec

ID = "atoll"


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """The only one of a database. `secret_check` is made with the secret, and tells whether
    another secret is the same one. `admin_key_id` is the key whose text is in `admin.key`."""

    id: str = ID
    secret_check: str
    admin_key_id: str
    version: int = 1
    created_at_ms: int
