"""Reads YAML by the rules of YAML 1.2 (its core schema), as OpenAPI requires.

PyYAML resolves values as YAML 1.1 does: `NO` becomes false, `22:30` becomes 1350. This reads only
PyYAML's events, and decides itself what a value is. Keys are text, exactly as written: `200`, `on`.
Used by `document`. Nothing here recurses, and what aliases stand for is counted.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ocp_agent.lazily import Lazily
from ocp_agent.limits import DOCUMENT_NODES

if TYPE_CHECKING:
    import yaml
else:
    yaml = Lazily("yaml")

NULL = {"", "~", "null", "Null", "NULL"}
TRUE, FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}
DECIMAL = re.compile(r"[-+]?[0-9]+")
OCTAL, HEXADECIMAL = re.compile(r"0o([0-7]+)"), re.compile(r"0x([0-9a-fA-F]+)")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")  # which JSON cannot express
DIGITS_MOST = 400
DEEPEST = 500
STANDARD = "tag:yaml.org,2002:"
MERGE = "<<"
OPEN = object()  # the value of an anchor that is not complete


class NotYAML(ValueError):
    """The text is not YAML, or has no equivalent in JSON."""


def value_of(text: str) -> Any:
    """Return the first YAML document as values of JSON."""
    try:
        return Builder().built(yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise NotYAML(str(error)) from error


def plain(text: str) -> Any:
    """Resolve a value without quotes and tag."""
    if text in NULL or NO_NUMBER.fullmatch(text):
        return None
    if text in TRUE or text in FALSE:
        return text in TRUE
    if len(text) > DIGITS_MOST:  # no number that anybody meant
        return text
    if DECIMAL.fullmatch(text):
        return int(text)
    for pattern, base in ((OCTAL, 8), (HEXADECIMAL, 16)):
        if found := pattern.fullmatch(text):
            return int(found[1], base)
    return float(text) if FLOAT.fullmatch(text) else text


def scalar(event: Any) -> Any:
    tag = (event.tag or "").removeprefix(STANDARD)
    if tag == "str" or (not event.implicit[0] and tag in {"", "!"}):
        return event.value
    # Other tags, such as dates and those of a vendor, leave the value as it is written.
    if event.implicit[0] or tag in {"bool", "float", "int", "null"}:
        return plain(event.value)
    return event.value


class Holder:
    """A collection under construction."""

    is_at_key = False

    def add(self, value: Any) -> None:
        raise AssertionError("a kind of collection adds")

    def done(self) -> Any:
        raise AssertionError("a kind of collection ends")


class Sequence(Holder):
    def __init__(self) -> None:
        self.values: list[Any] = []

    def add(self, value: Any) -> None:
        self.values.append(value)

    def done(self) -> list[Any]:
        return self.values


class Mapping(Holder):
    """An object, with the merge keys that many documents use."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.merged: list[Any] = []
        self.key = ""
        self.is_at_key = True

    def add(self, value: Any) -> None:
        if self.is_at_key:
            if isinstance(value, dict | list):
                raise NotYAML("a key is an object or a list")
            self.key = value if isinstance(value, str) else str(value)
        elif self.key == MERGE and isinstance(value, dict | list):
            self.merged += value if isinstance(value, list) else [value]
        else:
            self.values[self.key] = value
        self.is_at_key = not self.is_at_key

    def done(self) -> dict[str, Any]:
        for one in self.merged:
            self.values = {**one, **self.values} if isinstance(one, dict) else self.values
        return self.values


class Builder:
    """Builds the values of a stream of events, bottom up."""

    def __init__(self) -> None:
        self.anchors: dict[str, tuple[Any, int]] = {}  # values, with the nodes that they stand for
        self.nodes = 0

    def built(self, events: Iterator[Any]) -> Any:
        here: Holder = Sequence()
        root = here
        # Each open collection: what it is put into, its anchor, and the count when it began.
        above: list[tuple[Holder, str | None, int]] = []
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self.count(1)
                value = event.value if here.is_at_key else scalar(event)
                self.keep(event.anchor, value, 1)
                here.add(value)
            elif isinstance(event, yaml.AliasEvent):
                here.add(self.alias(event.anchor))
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                above.append((here, event.anchor, self.nodes))
                if len(above) > DEEPEST:  # from here on libyaml takes minutes
                    raise NotYAML("it is nested too deep")
                self.count(1)
                self.keep(event.anchor, OPEN, 0)
                here = Mapping() if isinstance(event, yaml.MappingStartEvent) else Sequence()
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                value = here.done()
                here, anchor, before = above.pop()
                self.keep(anchor, value, self.nodes - before)
                here.add(value)
            elif isinstance(event, yaml.DocumentEndEvent):
                break
        return next(iter(root.done()), None)

    def count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > DOCUMENT_NODES:
            raise NotYAML("its aliases stand for too much")

    def keep(self, anchor: str | None, value: Any, nodes: int) -> None:
        """Keep the value of an anchor; the last one of a name counts, as in YAML 1.2."""
        if anchor is not None:
            self.anchors[anchor] = value, nodes

    def alias(self, anchor: str) -> Any:
        if anchor not in self.anchors:
            raise NotYAML(f"the alias *{anchor} has no anchor")
        value, nodes = self.anchors[anchor]
        if value is OPEN:
            raise NotYAML(f"its aliases never end: *{anchor} is within itself")
        self.count(nodes)
        return value
