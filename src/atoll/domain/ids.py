"""One UUIDv7 per resource, shown as `inst-…` in the native dialect and as a UUID elsewhere.

The native form is a typed prefix and the UUID's 128 bits in Crockford's base32, 26 characters, so
ids sort by time in every form (RFC 9562 section 5.7; https://www.crockford.com/base32.html). Time
and randomness are arguments: see `ports.Ids`.
"""

import re
import uuid

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
# Python's own digits of that base.
TO_BASE_32 = str.maketrans(ALPHABET, "0123456789abcdefghijklmnopqrstuv")
LENGTH = 26
# 128 bits are two fewer than 26 digits hold, so the first digit is at most 7.
LETTERS = re.compile(f"[0-7][{ALPHABET}]{{{LENGTH - 1}}}")
# Two digits for each ten bits: a table is fast enough to create an id for every request.
PAIRS = [ALPHABET[value >> 5] + ALPHABET[value & 31] for value in range(1024)]
SHIFTS = range(120, -1, -10)

INSTANCE = "inst"
OPERATION = "op"
HOST = "host"
IMAGE = "img"
VOLUME = "vol"
SNAPSHOT = "snap"
FLOATING_IP = "fip"
WEBHOOK = "hook"
STARTUP_SCRIPT = "script"
SSH_KEY = "key"
PROJECT = "proj"
API_KEY = "ak"
VPC = "vpc"
SUBNET = "subnet"
SECURITY_GROUP = "sg"
AUDIT = "audit"
API = "api"
API_DOCUMENT = "apidoc"


def compose(now_ms: int, random_80: int) -> int:
    """Compose the 128 bits of a UUIDv7 from milliseconds and 80 random bits, of which 74 are
    used."""
    random_a = (random_80 >> 62) & 0xFFF
    random_b = random_80 & ((1 << 62) - 1)
    return (now_ms << 80) | (0x7 << 76) | (random_a << 64) | (0b10 << 62) | random_b


def native(prefix: str, bits: int) -> str:
    return f"{prefix}-{''.join([PAIRS[(bits >> shift) & 1023] for shift in SHIFTS])}"


def first_of(prefix: str, at_ms: int) -> str:
    """Return the smallest id of a moment: all ids created earlier are smaller, all others are
    not."""
    return native(prefix, max(0, at_ms) << 80)


def bits_of(native_id: str) -> int:
    """Return the 128 bits of a native id. Raises ValueError if it is not valid."""
    letters = native_id.rpartition("-")[2]
    if not LETTERS.fullmatch(letters):
        raise ValueError(f"{native_id!r} is not an id")
    return int(letters.translate(TO_BASE_32), 32)


def to_uuid(native_id: str) -> str:
    digits = f"{bits_of(native_id):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def from_uuid(prefix: str, text: str) -> str:
    return native(prefix, uuid.UUID(text).int)
