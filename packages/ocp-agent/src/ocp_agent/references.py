"""Makes every reference of a document a pointer from its root, once, right after reading.

JSON Schema has more ways to refer: `$id` and `$anchor`, `$defs` beside a schema, a document's own
address. Few documents use them; others are not decoded here. What leads out of the document stays
as it is. Used by `document` only.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

import msgspec

MISSING = object()
# A reference that is no pointer from the root, or a base that could change what one means.
UNUSUAL = re.compile(
    rb'"\$(?:ref|dynamicRef|recursiveRef)"\s*:\s*"(?!#/(?:components|definitions|paths|parameters|'
    rb'responses)/)|"\$(?:id|self)"\s*:'
)
POINTING = ("$ref", "$dynamicRef", "$recursiveRef")
ANCHORS = ("$anchor", "$dynamicAnchor")
DEFINITIONS = ("$defs", "definitions")
DEEPEST = 400  # levels of a document that are searched

Steps = tuple[str, ...]


def absolute(data: bytes, where: str) -> bytes:
    """Return the document with its own references as pointers from the root."""
    if not UNUSUAL.search(data):
        return data
    root = msgspec.json.decode(data)
    if not isinstance(root, dict):
        return data
    Rewriter(root, where).rewrite()
    return msgspec.json.encode(root)


class Rewriter:
    def __init__(self, root: dict[str, Any], where: str) -> None:
        said = root.get("$self")
        self.root = root
        self.address = urljoin(where, said) if isinstance(said, str) else where
        self.resources: dict[str, Steps] = {self.address: (), where: ()}
        self.anchors: dict[tuple[str, str], Steps] = {}
        self.references: list[tuple[dict[str, Any], str, str, Steps]] = []

    def rewrite(self) -> None:
        self.collect()
        for holder, key, base, at in self.references:
            target = self.target(key, holder[key], base, at)
            if target is not None:
                del holder[key]
                holder["$ref"] = pointer_of(target)

    def collect(self) -> None:
        """Find all resources, anchors and references, each with its base."""
        waiting: list[tuple[Any, str, Steps]] = [(self.root, self.address, ())]
        while waiting:
            value, base, at = waiting.pop()
            if isinstance(value, list):
                waiting += [(one, base, (*at, str(n))) for n, one in enumerate(value)]
            if not isinstance(value, dict) or len(at) > DEEPEST:
                continue
            if at and isinstance(named := value.get("$id"), str):
                base = urljoin(base, named).removesuffix("#")
                self.resources.setdefault(base, at)
            for key in ANCHORS:
                if isinstance(anchor := value.get(key), str):
                    self.anchors.setdefault((base, anchor), at)
            for key in POINTING:
                if isinstance(value.get(key), str):
                    self.references.append((value, key, base, at))
            waiting += [(one, base, (*at, key)) for key, one in value.items()]

    def target(self, key: str, reference: str, base: str, at: Steps) -> Steps | None:
        """Return where the reference leads; None if not into this document."""
        if key == "$recursiveRef":
            return self.recursive(at)
        address, fragment = urldefrag(reference)
        if address and (resource := self.resource(address, base)) is None:
            return None
        if not address:
            resource = self.resource(address, base) if address else self.resources.get(base)
        if resource is None:
            return None
        if fragment.startswith("/"):
            wanted = steps_of(f"#{fragment}")
            candidates = self.candidates(resource, at, wanted, is_own=not address)
            return next((one for one in candidates if self.holds(one)), None)
        if not fragment:
            return resource or None  # the whole document is no schema
        for (of_base, name), found in self.anchors.items():
            if name == fragment and (of_base == base or self.resources.get(of_base) == resource):
                return found
        return next((at for (_, name), at in self.anchors.items() if name == fragment), None)

    def recursive(self, at: Steps) -> Steps | None:
        """Return the nearest schema around it that is marked as recursive."""
        around = (at[:length] for length in range(len(at), 0, -1))
        return next((one for one in around if self.holds((*one, "$recursiveAnchor"))), None)

    def resource(self, address: str, base: str) -> Steps | None:
        whole = urljoin(base, address)
        if whole in self.resources:
            return self.resources[whole]
        own = self.address.rpartition("/")[2]
        is_relative = "://" not in address and not address.startswith("/")
        # A document that nobody named can only mean itself, where it has what is referred to.
        return () if is_relative and (not own or address.removeprefix("./") == own) else None

    def candidates(
        self, resource: Steps, at: Steps, wanted: Steps, *, is_own: bool
    ) -> Iterator[Steps]:
        """From the resource, else from the root, else from the nearest definitions around it, as
        schemas have them that were made by themselves and then put into the document."""
        yield (*resource, *wanted)
        yield wanted
        if is_own and wanted[0] in DEFINITIONS:
            yield from ((*at[:length], *wanted) for length in range(len(at), 0, -1))

    def holds(self, steps: Steps) -> bool:
        value: Any = self.root
        for step in steps:
            value = step_into(value, step)
        return value is not MISSING


def steps_of(pointer: str) -> Steps:
    """Split a pointer such as `#/components/schemas/Instance`."""
    steps = pointer.removeprefix("#/").split("/")
    return tuple(unquote(step).replace("~1", "/").replace("~0", "~") for step in steps)


def pointer_of(steps: Steps) -> str:
    escaped = (step.replace("~", "~0").replace("/", "~1").replace("%", "%25") for step in steps)
    return "#/" + "/".join(escaped)


def step_into(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return value.get(key, MISSING)
    if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
        return value[int(key)]
    return MISSING
