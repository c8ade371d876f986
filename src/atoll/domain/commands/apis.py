"""Commands on the additional APIs of the registry."""

from atoll.domain.commands.base import Command


class AddApi(Command, frozen=True, kw_only=True):
    """Register an OpenAPI document (JSON or YAML), or a new version if the name is known. Without
    `base_url`, the server in the document is used."""

    name: str
    document: bytes
    base_url: str = ""
    display_name: str = ""
    category: str = ""


class RemoveApi(Command, frozen=True, kw_only=True):
    api: str
