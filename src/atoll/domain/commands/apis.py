"""Commands on the registry's further APIs."""

from atoll.domain.commands.base import Command


class AddApi(Command, frozen=True, kw_only=True):
    """`document` is an OpenAPI document, JSON or YAML, whose own server counts without a
    `base_url`. A new version where the name is known."""

    name: str
    document: bytes
    base_url: str = ""
    display_name: str = ""
    category: str = ""


class RemoveApi(Command, frozen=True, kw_only=True):
    api: str
