"""A public key that is well formed."""

import base64

KIND = b"ssh-ed25519"


def public_key(seed: int = 0) -> str:
    blob = len(KIND).to_bytes(4, "big") + KIND + (32).to_bytes(4, "big") + bytes([seed % 256]) * 32
    return f"{KIND.decode()} {base64.b64encode(blob).decode()} somebody@example"


ED25519 = public_key()
