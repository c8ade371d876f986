"""The name of a public address."""

import re

import msgspec

from atoll.domain.errors import Invalid
from atoll.domain.reasons import Reason

NAME_MAX = 253
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


class ReverseRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is the address. `name` is normalized, `given` the text as it was given. `holder_id` is
    the instance or floating IP that has the address: the record is valid only as long as that does
    not change."""

    id: str
    project_id: str
    holder_id: str
    name: str
    given: str = ""
    version: int = 1
    created_at_ms: int


def host_name(text: str) -> str:
    """Normalize to lower case without a final dot (RFC 1123 section 2.1). Raises Invalid."""
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > NAME_MAX or len(labels) < 2 or not all(map(LABEL.fullmatch, labels)):
        raise Invalid(Reason.NOT_A_HOST_NAME, field="name", value=text[:80])
    return name
