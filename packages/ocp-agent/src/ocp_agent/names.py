"""A tool's name, from its operation: the rules of Open Context Protocol, made unique and lasting.

`create-snapshot` becomes createSnapshot. A name is made of its own operation alone, so that others
that come or go do not change it; see docs/adr on who keeps it when two would have the same.
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
    """What an operation is, however it is called."""

    method: str
    path: str


def camel_case(text: str) -> str:
    """As the reference does it; what cannot stand in a name separates words."""
    words = SEPARATORS.sub(" ", HUMP.sub(r"\1 \2", text)).split()
    return "".join([word.lower() for word in words[:1]] + [word.capitalize() for word in words[1:]])


def plain_name(operation_id: object, key: OperationKey) -> str:
    """Of its operation id; of its method and path where it has none that could be a name."""
    named = camel_case(operation_id) if isinstance(operation_id, str) else ""
    if not VALID.fullmatch(named):
        path = key.path.replace("/", "_").replace("{", "").replace("}", "")
        named = camel_case(f"{key.method.lower()}{path}")
    return named if len(named) <= TOOL_NAME_LONGEST else marked(named, key)


def marked(name: str, key: OperationKey) -> str:
    """With a mark of the operation at its end, cut so that it fits."""
    mark = hashlib.blake2b(f"{key.method} {key.path}".encode(), digest_size=MARK_LENGTH // 2)
    return name[: TOOL_NAME_LONGEST - MARK_LENGTH] + mark.hexdigest()


def unique_names(
    plain: Iterable[tuple[OperationKey, str]], known: Mapping[OperationKey, str]
) -> dict[OperationKey, str]:
    """One for each operation. Those that were given before are kept; then the first come has it."""
    wanted = dict(plain)
    given = {key: known[key] for key in wanted if key in known}
    taken = set(given.values())
    for key, name in wanted.items():
        if key not in given:
            given[key] = marked(name, key) if name in taken else name
            taken.add(given[key])
    return {key: given[key] for key in wanted}
