"""A public key that is put into an instance at first boot."""

import base64
import hashlib

import msgspec

from atoll.domain.errors import Invalid

KINDS = frozenset(
    {
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    }
)


class SshKey(msgspec.Struct, frozen=True, kw_only=True):
    """`annotations` are a dialect's own."""

    id: str
    project_id: str
    name: str
    public_key: str
    fingerprint: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    version: int = 1
    created_at_ms: int


def fingerprint_of(public_key: str) -> str:
    """`SHA256:…` of an OpenSSH public key line. Raises Invalid where it is not one."""
    field = "spec.public_key"
    if "\n" in public_key.strip() or "\r" in public_key.strip():
        raise Invalid(f"{field} must be one line", field=field)
    kind, _, rest = public_key.strip().partition(" ")
    blob_text = rest.partition(" ")[0]
    if kind not in KINDS:
        raise Invalid(
            f"{field} must begin with a key type, one of {', '.join(sorted(KINDS))}", field=field
        )
    try:
        blob = base64.b64decode(blob_text, validate=True)
    except ValueError:
        blob = b""
    named = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + named] != kind.encode() or len(blob) <= 4 + named:
        raise Invalid(f"{field}: what follows {kind} is not such a key", field=field)
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"
