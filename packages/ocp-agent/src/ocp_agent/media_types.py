"""Chooses the media type of a request, if its operation accepts several.

The caller decides by `content_type`; else the shape of the arguments does: a list of changes is a
JSON Patch, an unknown name or a file belongs to the form that has it, text is what is no JSON.
"""

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatch
from typing import Any

from ocp_agent.contents import is_file
from ocp_agent.errors import ArgumentError, InvalidArguments
from ocp_agent.shapes import ALONE, FORM, MULTIPART, is_json, is_patch, plain_type
from ocp_agent.tools import OCPTool

FIELD = "content_type"


def with_media_type(
    tool: OCPTool,
    given: Mapping[str, Any],
    wanted: str | None,
    fits: Callable[[OCPTool], bool],
) -> OCPTool:
    """Return the tool as it is with one of its media types. `fits` checks the arguments."""
    body = tool.shape.body
    offered = body.media_types if body is not None else ()
    if wanted:
        if not offers(offered, wanted):
            said = f"must be one of {', '.join(offered)}" if offered else "there is no body"
            raise InvalidArguments([ArgumentError(FIELD, said)])
        return tool.in_media_type(wanted)
    if body is None or len(offered) < 2:
        return tool
    ordered = sorted([body.media_type, *offered], key=unlikeliness(given))
    if ordered[0] == body.media_type and fits(tool):
        return tool
    tools = (tool.in_media_type(one) for one in dict.fromkeys(ordered))
    return next((one for one in tools if fits(one)), tool)


def offers(offered: Iterable[str], wanted: str) -> bool:
    return any(fnmatch(plain_type(wanted), plain_type(one)) for one in offered)


def unlikeliness(given: Mapping[str, Any]) -> Callable[[str], int]:
    """Sort media types by what the arguments look like; equal ones stay in their order."""
    whole = given.get(ALONE)
    has_file = any(map(holds_file, given.values()))
    is_changes = isinstance(whole, list) and all(
        isinstance(one, Mapping) and "op" in one for one in whole
    )

    def key(media_type: str) -> int:
        is_form = plain_type(media_type) in {FORM, MULTIPART}
        if has_file:
            is_right = not is_json(media_type) and plain_type(media_type) != FORM
        else:
            is_right = is_json(media_type) or is_form or isinstance(whole, str)
        return 0 if is_right and (is_patch(media_type) or not is_changes) else 1

    return key


def holds_file(value: Any) -> bool:
    return any(map(holds_file, value)) if isinstance(value, list) else is_file(value)
