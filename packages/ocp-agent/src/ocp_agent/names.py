"""Generates tool names from operations: the rules of Open Context Protocol, made unique and stable.

`create-snapshot` becomes createSnapshot. A name depends on its own operation only, so that other
operations do not affect it; docs/adr explains how conflicts are resolved.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ocp_agent.limits import TOOL_NAME_LONGEST

MARK_LENGTH = 6
VALID = re.compile(r"[a-z][a-zA-Z0-9]*")
HUMP = re.compile(r"([a-z0-9])([A-Z])")
SEPARATORS = re.compile(r"[^a-zA-Z0-9]+")


class OperationKey(NamedTuple):
    """The identity of an operation, independent of its name."""

    method: str
    path: str


def camel_case(text: str) -> str:
    """Convert to camel case like the reference; invalid characters separate words."""
    words = SEPARATORS.sub(" ", HUMP.sub(r"\1 \2", text)).split()
    return "".join([word.lower() for word in words[:1]] + [word.capitalize() for word in words[1:]])


def plain_name(operation_id: object, key: OperationKey) -> str:
    """Derive a name from the operation id, or else from method and path."""
    named = camel_case(operation_id) if isinstance(operation_id, str) else ""
    if not VALID.fullmatch(named):
        path = key.path.replace("/", "_").replace("{", "").replace("}", "")
        named = camel_case(f"{key.method.lower()}{path}")
    return named if len(named) <= TOOL_NAME_LONGEST else marked(named, key)


def marked(name: str, key: OperationKey) -> str:
    """Append a hash of the operation, shortened to the maximum length."""
    mark = hashlib.blake2b(f"{key.method} {key.path}".encode(), digest_size=MARK_LENGTH // 2)
    return name[: TOOL_NAME_LONGEST - MARK_LENGTH] + mark.hexdigest()


def unique_names(
    plain: Iterable[tuple[OperationKey, str]], known: Mapping[OperationKey, str]
) -> dict[OperationKey, str]:
    """Name each operation. Existing names are kept; then the first operation wins."""
    wanted = dict(plain)
    given = {key: known[key] for key in wanted if key in known}
    taken = set(given.values())
    for key, name in wanted.items():
        if key not in given:
            given[key] = marked(name, key) if name in taken else name
            taken.add(given[key])
    return {key: given[key] for key in wanted}
