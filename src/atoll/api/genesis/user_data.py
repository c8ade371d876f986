"""Conversion of an instance's `metadata` to the user data of its guest, and back.

A startup script alone is the user data itself. Typed parts, and a script among them, become a MIME
message of several parts for cloud-init.
"""

import base64
import email
import re
from collections.abc import Sequence
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from typing import Any

import msgspec

from atoll.api.genesis.wire import Wire
from atoll.domain.errors import Invalid

SCRIPT_BYTES_MAX = 64 * 1024
PARTS_MAX = 32
KIND = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,100}")
FILE_NAME = re.compile(r"[\w.+-]{1,100}", re.ASCII)
BOUNDARY = "==atoll-part=="
SCRIPT, SCRIPT_KIND = "startup-script", "text/x-shellscript"
CONFIG, CONFIG_KIND = "#cloud-config", "text/cloud-config"


class Part(Wire, kw_only=True):
    """A part with a content type of cloud-init, such as text/cloud-config."""

    type: str
    content: str
    filename: str | None = None


class Metadata(Wire, kw_only=True):
    startup_script: str | None = None
    user_data: list[Part] | None = None


class PartOut(msgspec.Struct, kw_only=True):
    type: str
    content: str
    filename: str | None


def parse(given: Metadata | None) -> str:
    """Return user data in base64, or an empty string for none. Raises Invalid."""
    script = (given and given.startup_script) or ""
    parts = (given and given.user_data) or []
    require_script(script)
    require_parts(parts)
    if not parts:
        return base64.b64encode(script.encode()).decode()
    if script:
        kind = CONFIG_KIND if script.startswith(CONFIG) else SCRIPT_KIND
        parts = [*parts, Part(type=kind, content=script, filename=SCRIPT)]
    return base64.b64encode(message_of(parts).as_bytes()).decode()


def require_script(script: str) -> None:
    size = len(script.encode())
    if size > SCRIPT_BYTES_MAX:
        field = "metadata.startup_script"
        raise Invalid(
            f"{field} has {size} bytes, at most {SCRIPT_BYTES_MAX} are allowed", field=field
        )


def require_parts(parts: Sequence[Part]) -> None:
    if len(parts) > PARTS_MAX:
        field = "metadata.user_data"
        raise Invalid(
            f"{field} has {len(parts)} parts, at most {PARTS_MAX} are allowed", field=field
        )
    for place, part in enumerate(parts):
        field = f"metadata.user_data.{place}"
        if not KIND.fullmatch(part.type) or part.type.startswith("multipart/"):
            raise Invalid(
                f"{field}.type must be a media type such as {CONFIG_KIND}", field=f"{field}.type"
            )
        if part.filename is not None and not FILE_NAME.fullmatch(part.filename):
            raise Invalid(
                f"{field}.filename must have at most 100 letters, digits, dots and hyphens",
                field=f"{field}.filename",
            )


def message_of(parts: Sequence[Part]) -> Message:
    message = MIMEMultipart(boundary=BOUNDARY)
    for part in parts:
        message.attach(one_of(part))
    return message


def one_of(part: Part) -> Message:
    """Encode a part in base64, which cannot contain a boundary."""
    kind, _, detail = part.type.partition("/")
    one = MIMENonMultipart(kind, detail, charset="utf-8")
    one["Content-Transfer-Encoding"] = "base64"
    one.set_payload(base64.encodebytes(part.content.encode()).decode())
    if part.filename is not None:
        one.add_header("Content-Disposition", "attachment", filename=part.filename)
    return one


def show(user_data: str) -> dict[str, Any]:
    """Convert user data back to the request, as far as possible."""
    content = base64.b64decode(user_data)
    if not content:
        return {}
    if not content.startswith(b"Content-Type: multipart/mixed"):
        return {"startup_script": content.decode(errors="replace")}
    found: dict[str, Any] = {}
    for part in email.message_from_bytes(content).walk():
        if part.is_multipart():
            continue
        text = bytes(part.get_payload(decode=True) or b"").decode(errors="replace")
        name = part.get_filename()
        if name == SCRIPT:
            found["startup_script"] = text
        else:
            one = PartOut(type=part.get_content_type(), content=text, filename=name)
            found.setdefault("user_data", []).append(one)
    return found
