"""A public key that a guest gets at its first boot."""

import base64
import hashlib

import msgspec

from atoll.domain.errors import Invalid
from atoll.domain.reasons import Reason

# What follows the type in a key: see `parts_fit`. RFC 4253, 5656, 8709; OpenSSH's PROTOCOL.u2f.
LAYOUTS: dict[str, tuple[str, ...]] = {
    "ssh-ed25519": ("key",),
    "ssh-rsa": ("number", "modulus"),
    "ecdsa-sha2-nistp256": ("nistp256", "point"),
    "ecdsa-sha2-nistp384": ("nistp384", "point"),
    "ecdsa-sha2-nistp521": ("nistp521", "point"),
    "sk-ssh-ed25519@openssh.com": ("key", "application"),
    "sk-ecdsa-sha2-nistp256@openssh.com": ("nistp256", "point", "application"),
}
KINDS = frozenset(LAYOUTS)
# The type determines the number of bits of all keys but RSA.
BITS = {
    "ssh-ed25519": 256,
    "ecdsa-sha2-nistp256": 256,
    "ecdsa-sha2-nistp384": 384,
    "ecdsa-sha2-nistp521": 521,
    "sk-ssh-ed25519@openssh.com": 256,
    "sk-ecdsa-sha2-nistp256@openssh.com": 256,
}
# Those that OpenSSH accepts.
RSA_BITS_MIN, RSA_BITS_MAX = 1024, 16_384
ED25519_BYTES = 32
UNCOMPRESSED = b"\4"
LENGTH_BYTES = 4
TEXT_MAX = 16_384
BYTE_ORDER_MARK = "\ufeff"


class SshKey(msgspec.Struct, frozen=True, kw_only=True):
    """`public_key` is the text as it was given; `line_of` is what guests get. `annotations` belong
    to a dialect."""

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
    require_key(public_key)
    digest = base64.b64encode(hashlib.sha256(blob_of(public_key)).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def md5_fingerprint_of(public_key: str) -> str:
    """Return `13:ac:e1:…`, as older tools show it: an identifier of the key, which proves
    nothing."""
    digest = hashlib.md5(blob_of(public_key), usedforsecurity=False).digest()
    return digest.hex(":")


def type_of(public_key: str) -> str:
    """Return the first word of the line, such as `ssh-ed25519`."""
    return words_of(public_key)[0]


def bits_of(public_key: str) -> int:
    """Return the length of the key, as `ssh-keygen -l` counts it; 0 if it has none."""
    kind = type_of(public_key)
    if kind in BITS:
        return BITS[kind]
    return bits_in((parts_of(blob_of(public_key)) or [b""])[-1])


def line_of(public_key: str) -> str:
    """Return the key as one line of `authorized_keys`."""
    return " ".join(words_of(public_key))


def blob_of(public_key: str) -> bytes:
    """Decode the base64 of the line; empty if there is none."""
    return decoded([*words_of(public_key), ""][1])


def require_key(public_key: str) -> None:
    """Check that it is a whole key, alone in the text and in its base64. Raises Invalid."""
    field = "public_key"
    if len(public_key) > TEXT_MAX:
        raise Invalid(Reason.TOO_LONG, field=field, highest=TEXT_MAX)
    if "PRIVATE KEY" in public_key:
        raise Invalid(Reason.PRIVATE_KEY, field=field)
    kind, blob, lines = type_of(public_key), blob_of(public_key), lines_in(public_key)
    if kind not in KINDS:
        raise Invalid(Reason.KEY_TYPE, field=field, allowed=sorted(KINDS))
    if len(lines) > 1 and (is_whole(kind, blob_of(lines[0])) or not is_whole(kind, blob)):
        raise Invalid(Reason.NOT_ONE_LINE, field=field)
    if not is_whole(kind, blob):
        raise Invalid(Reason.NOT_A_KEY, field=field, kind=kind)
    if kind == "ssh-rsa":
        require_rsa_bits(bits_of(public_key))


def words_of(public_key: str) -> list[str]:
    """Split the text into its type, its base64 and its comment. A terminal that was copied from may
    have broken the base64 into several lines."""
    lines = lines_in(public_key)
    first = lines[0].split() if lines else []
    if len(first) == 2 and len(lines) > 1:
        return [first[0], *(first[1] + "".join(lines[1:])).split()]
    return first or [""]


def lines_in(public_key: str) -> list[str]:
    lines = public_key.removeprefix(BYTE_ORDER_MARK).splitlines()
    return [line.strip() for line in lines if line.strip()]


def decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def is_whole(kind: str, blob: bytes) -> bool:
    """Tell whether it consists of the parts of its type, each of its length."""
    named, *parts = parts_of(blob) or [b""]
    layout = LAYOUTS[kind]
    if named != kind.encode() or len(parts) != len(layout):
        return False
    return all(fits(kind, part, content) for part, content in zip(layout, parts, strict=True))


def fits(kind: str, part: str, content: bytes) -> bool:
    if part == "key":
        return len(content) == ED25519_BYTES
    if part == "point":
        coordinate = -(-BITS[kind] // 8)
        return content[:1] == UNCOMPRESSED and len(content) == 1 + 2 * coordinate
    if part in {"number", "modulus"}:
        return content != b"" and content[0] < 0x80 and any(content)
    return content.decode(errors="replace") == part or (part == "application" and content != b"")


def require_rsa_bits(bits: int) -> None:
    if not RSA_BITS_MIN <= bits <= RSA_BITS_MAX:
        raise Invalid(
            Reason.RSA_BITS, field="public_key", value=bits, lowest=RSA_BITS_MIN,
            highest=RSA_BITS_MAX,
        )  # fmt: skip


def bits_in(modulus: bytes) -> int:
    return int.from_bytes(modulus, "big").bit_length()


def parts_of(blob: bytes) -> list[bytes]:
    """Split a key into its parts, each preceded by its length (RFC 4251, section 5). Empty if they
    are not exactly all of it."""
    parts, at = [], 0
    while at < len(blob):
        begin = at + LENGTH_BYTES
        at = begin + int.from_bytes(blob[at:begin], "big")
        if at > len(blob):
            return []
        parts.append(blob[begin:at])
    return parts
