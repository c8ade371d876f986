"""The fields that may hold a secret of the caller, in one list.

Callers who may only read do not see them; audit records, kept outcomes and ended operations do not
hold them.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from atoll.domain.images import Image
from atoll.domain.instances import Instance
from atoll.domain.startup_scripts import StartupScript
from atoll.domain.webhooks import Webhook

LONG_MAX = 256
# Whole texts, and addresses whose query or user may be a token.
TEXTS = frozenset({"password", "hash", "nonce", "script", "secret", "user_data", "digest"})
ADDRESSES = frozenset({"url", "location", "source"})
HIDDEN = "hidden"
T = TypeVar("T")
Digest = Callable[[bytes], str]
replace = msgspec.structs.replace


def hide(thing: T) -> T:
    """Return a resource without its secret fields, for callers who may only read."""
    match thing:
        case Instance():
            return replace(thing, spec=replace(thing.spec, user_data=""), password=None)
        case StartupScript():
            return replace(thing, script="")
        case Webhook():
            return replace(thing, secret="", url=without_token(thing.url))
        case Image():
            location = without_token(thing.source.location)
            return replace(thing, source=replace(thing.source, location=location))
    return thing


def reveal(hidden: T, current: T) -> T:
    """Return a resource as it was, with the secret fields that it has now. What was shown once
    stays hidden."""
    match hidden, current:
        case Instance(), Instance():
            user_data = current.spec.user_data
            return replace(hidden, spec=replace(hidden.spec, user_data=user_data))
        case StartupScript(), StartupScript():
            return replace(hidden, script=current.script)
        case Webhook(), Webhook():
            return replace(hidden, url=current.url)
        case Image(), Image():
            return replace(hidden, source=current.source)
    return hidden


def walk(name: str, value: Any, change: Callable[[str, Any], Any]) -> Any:
    """Return a copy of nested data in which each plain value, with its field's name, is changed."""
    if isinstance(value, Mapping):
        return {key: walk(str(key), one, change) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [walk(name, one, change) for one in value]
    return change(name, value)


def scrub(arguments: Mapping[str, Any]) -> Any:
    """Return the arguments of an operation with empty secrets."""
    return walk(
        "", arguments, lambda name, one: "" if isinstance(one, str) and name in TEXTS else one
    )


def without_token(url: str) -> str:
    """Leave out the user of a URL, and hide its query."""
    url, _, _ = url.partition("#")
    address, _, query = url.partition("?")
    scheme, mark, rest = address.partition("://")
    if mark:
        authority, slash, path = rest.partition("/")
        address = f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
    return f"{address}?{HIDDEN}" if query else address


def conceal(name: str, value: Any, digest: Digest) -> Any:
    """Return a value for a record that lasts: secrets and long texts as digests."""

    def conceal_one(name: str, one: Any) -> Any:
        if isinstance(one, bytes):
            return digest(one)
        if not isinstance(one, str):
            return one
        if name in ADDRESSES:
            one = without_token(one)
        secret = name in TEXTS and one != ""
        return digest(one.encode()) if secret or len(one) > LONG_MAX else one

    return walk(name, value, conceal_one)
