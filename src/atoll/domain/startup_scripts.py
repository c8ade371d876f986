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
    field = "script"
    try:
        content = base64.b64decode(script, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(Reason.NOT_BASE64, field=field, why=str(error)) from error
    if len(content) > SCRIPT_BYTES_MAX:
        raise Invalid(
            Reason.TOO_MANY_BYTES, field=field, count=len(content), highest=SCRIPT_BYTES_MAX
        )
    if not content.startswith(b"#!"):
        raise Invalid(Reason.NO_INTERPRETER, field=field)


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


def with_scripts(user_data: str, scripts: Sequence[str]) -> str:
    """Combine user data with scripts; all texts are base64. A single text stays as it is; several
    become parts of one MIME message, which cloud-init splits (RFC 2046)."""
    given = [one for one in (user_data, *scripts) if one]
    if len(given) < 2:
        return given[0] if given else ""
    message = MIMEMultipart(boundary=BOUNDARY + "-" + str(len(given)))
    for number, one in enumerate(given):
        part = part_of(base64.b64decode(one))
        if not part.is_multipart():
            part.add_header("Content-Disposition", "attachment", filename=f"part-{number:03d}")
        message.attach(part)
    return base64.b64encode(message.as_bytes()).decode()
