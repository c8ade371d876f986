"""A named script that guests run at their first boot."""

import base64
import binascii
import email
from collections.abc import Sequence
from email.message import Message
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import msgspec

from atoll.domain.errors import Invalid
from atoll.domain.reasons import Reason

SCRIPT_BYTES_MAX = 64 * 1024
# Media types by which cloud-init recognizes a part (its documentation, "User data formats").
KINDS = {
    b"#cloud-config": "cloud-config",
    b"#!": "x-shellscript",
    b"#include": "x-include-url",
    b"#cloud-boothook": "cloud-boothook",
    b"## template: jinja": "jinja2",
}
GZIP = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
WINDOWS_END, END = b"\r\n", b"\n"
# What no guest understands, by its first bytes. Other data is passed on: not only cloud-init reads
# user data.
UNREADABLE = {
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"#\0": "UTF-16 text",
    b"\0#": "UTF-16 text",
    b"\0\0\xfe\xff": "UTF-32 text",
    b"\xfd7zXZ\0": "data packed by xz",
    b"BZh": "data packed by bzip2",
    b"\x28\xb5\x2f\xfd": "data packed by zstd",
    b"PK\3\4": "a zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x7fELF": "a program",
}
BOUNDARY = "atoll-part"


class StartupScript(msgspec.Struct, frozen=True, kw_only=True):
    """`script` is base64 of a text that begins with `#!`."""

    id: str
    project_id: str
    name: str
    labels: dict[str, str] = {}
    script: str
    version: int = 1
    created_at_ms: int
    updated_at_ms: int = 0


def require_script(script: str) -> None:
    """Check a script. Raises Invalid."""
    content = require_readable(script, "script", SCRIPT_BYTES_MAX)
    if not content.removeprefix(BYTE_ORDER_MARK).startswith(b"#!"):
        raise Invalid(Reason.NO_INTERPRETER, field="script")


def require_readable(text: str, field: str, bytes_max: int) -> bytes:
    """Decode user data or a script. Raises Invalid if its first bytes say that no guest can read
    it."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(Reason.NOT_BASE64, field=field, why=str(error)) from error
    if len(content) > bytes_max:
        raise Invalid(Reason.TOO_MANY_BYTES, field=field, count=len(content), highest=bytes_max)
    for mark, kind in UNREADABLE.items():
        if content.startswith(mark):
            raise Invalid(Reason.UNREADABLE_DATA, field=field, kind=kind)
    return content


def for_guest(content: bytes) -> bytes:
    """Return what a guest gets: editors on Windows put a byte order mark first, with which no guest
    recognizes a script, and line ends with which none runs it."""
    text = content.removeprefix(BYTE_ORDER_MARK)
    if not text.startswith(tuple(KINDS)):
        return content
    return text.replace(WINDOWS_END, END)


def part_of(content: bytes) -> Message:
    """Wrap user data as a part; compressed data and multipart messages stay as they are, because
    cloud-init reads both."""
    if content.startswith(GZIP):
        return MIMEApplication(content, "gzip")
    if content.startswith((b"Content-Type: multipart", b"MIME-Version:")):
        return email.message_from_bytes(content)
    kind = next((k for mark, k in KINDS.items() if content.startswith(mark)), "plain")
    try:
        return MIMEText(content.decode(), kind, "utf-8")
    except UnicodeDecodeError:
        return MIMEApplication(content)


def combine_scripts(user_data: str, scripts: Sequence[str]) -> str:
    """Combine user data with scripts, as guests get them; all texts are base64. Several become
    parts of one MIME message, which cloud-init splits (RFC 2046)."""
    given = [for_guest(base64.b64decode(one)) for one in (user_data, *scripts) if one]
    if len(given) < 2:
        return base64.b64encode(given[0]).decode() if given else ""
    message = MIMEMultipart(boundary=BOUNDARY + "-" + str(len(given)))
    for number, one in enumerate(given):
        part = part_of(one)
        if not part.is_multipart():
            part.add_header("Content-Disposition", "attachment", filename=f"part-{number:03d}")
        message.attach(part)
    return base64.b64encode(message.as_bytes()).decode()
