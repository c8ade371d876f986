"""A public key that a guest gets at its first boot."""

import base64
import hashlib

import msgspec

from atoll.domain.errors import Invalid
from atoll.domain.reasons import Reason

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
# The type determines the number of bits of all keys but RSA.
BITS = {
    "ssh-ed25519": 256,
    "ecdsa-sha2-nistp256": 256,
    "ecdsa-sha2-nistp384": 384,
    "ecdsa-sha2-nistp521": 521,
    "sk-ssh-ed25519@openssh.com": 256,
    "sk-ecdsa-sha2-nistp256@openssh.com": 256,
}


class SshKey(msgspec.Struct, frozen=True, kw_only=True):
    """`annotations` belong to a dialect."""

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
    """Return `SHA256:…` of an OpenSSH public key line. Raises Invalid if it is not valid."""
    digest = base64.b64encode(hashlib.sha256(blob_of(public_key)).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def md5_fingerprint_of(public_key: str) -> str:
    """Return `13:ac:e1:…`, as older tools show it: an identifier of the key, which proves
    nothing."""
    digest = hashlib.md5(blob_of(public_key), usedforsecurity=False).digest()
    return digest.hex(":")


def type_of(public_key: str) -> str:
    """Return the first word of the line, such as `ssh-ed25519`."""
    return public_key.strip().partition(" ")[0]


def bits_of(public_key: str) -> int:
    """Return the length of the key, as `ssh-keygen -l` counts it."""
    kind = type_of(public_key)
    if kind in BITS:
        return BITS[kind]
    _, _, modulus = strings_in(blob_of(public_key))[:3]  # ssh-rsa, exponent, modulus
    return int.from_bytes(modulus, "big").bit_length()


def blob_of(public_key: str) -> bytes:
    """Decode the base64 part of the line. Raises Invalid if it is not valid."""
    field = "public_key"
    if "\n" in public_key.strip() or "\r" in public_key.strip():
        raise Invalid(Reason.NOT_ONE_LINE, field=field)
    kind, _, rest = public_key.strip().partition(" ")
    blob_text = rest.partition(" ")[0]
    if kind not in KINDS:
        raise Invalid(Reason.KEY_TYPE, field=field, allowed=sorted(KINDS))
    try:
        blob = base64.b64decode(blob_text, validate=True)
    except ValueError:
        blob = b""
    named = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + named] != kind.encode() or len(blob) <= 4 + named:
        raise Invalid(Reason.NOT_A_KEY, field=field, kind=kind)
    return blob


def strings_in(blob: bytes) -> list[bytes]:
    """Split a key into its parts, each preceded by its length (RFC 4251, section 5). Padded to
    three."""
    parts, at = [], 0
    while at + 4 <= len(blob):
        length = int.from_bytes(blob[at : at + 4], "big")
        parts.append(blob[at + 4 : at + 4 + length])
        at += 4 + length
    return parts + [b""] * (3 - len(parts))
