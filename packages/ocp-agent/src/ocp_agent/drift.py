"""Compares two versions of an API, and finds breaking changes.

Compares tools as agents see them, so that a moved reference or another order is no change.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ocp_agent.tools import OCPAPISpec, OCPTool

# Keywords that restrict the values of a parameter, or change its location.
WATCHED = ("type", "location", "enum", "format", "minimum", "maximum", "minLength", "maxLength",
           "pattern", "items", "properties", "schema", "style", "explode", "name")  # fmt: skip
DEEPEST = 12


class Change(msgspec.Struct, frozen=True):
    tool: str
    what: str  # a sentence without a full stop
    is_breaking: bool

    def __str__(self) -> str:
        return f"{'BREAKS' if self.is_breaking else 'changes'} {self.tool}: {self.what}"


class Drift(msgspec.Struct, frozen=True):
    before: str
    after: str
    changes: tuple[Change, ...]

    @property
    def breaking(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.is_breaking)

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        head = f"{self.before} to {self.after}: {len(self.changes)} changes, "
        return "\n".join([head + f"{len(self.breaking)} breaking", *map(str, self.changes)])


def drift_report(before: OCPAPISpec, after: OCPAPISpec) -> Drift:
    """Sort breaking changes first."""
    old = {(tool.method, tool.path): tool for tool in before.tools}
    new = {(tool.method, tool.path): tool for tool in after.tools}
    changes = [Change(old[key].name, "is gone", True) for key in old if key not in new]
    changes += [Change(new[key].name, "is new", False) for key in new if key not in old]
    changes += [
        change for key, tool in old.items() if key in new for change in changes_of(tool, new[key])
    ]
    if before.base_url != after.base_url:
        what = f"is at {after.base_url}, no longer at {before.base_url}"
        changes.append(Change("(all tools)", what, True))
    changes.sort(key=lambda change: not change.is_breaking)
    return Drift(before.version, after.version, tuple(changes))


def changes_of(old: OCPTool, new: OCPTool) -> Iterator[Change]:
    if old.name != new.name:
        yield Change(old.name, f"is called {new.name}", True)
    if new.deprecated and not old.deprecated:
        yield Change(new.name, "is deprecated", False)
    for key in {**old.parameters, **new.parameters}:
        entries = old.parameters.get(key), new.parameters.get(key)
        yield from parameter_changes(new.name, key, *entries)
    lost = set(fields_of(old.response_schema)) - set(fields_of(new.response_schema))
    for field in sorted(lost):
        yield Change(new.name, f"its answer has no '{field}' any more", True)
    for field in sorted(set(fields_of(new.response_schema)) - set(fields_of(old.response_schema))):
        yield Change(new.name, f"its answer has '{field}'", False)


def parameter_changes(
    tool: str, key: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> Iterator[Change]:
    if new is None:
        yield Change(tool, f"'{key}' is no parameter any more", True)
    elif old is None:
        needed = new["required"]
        yield Change(tool, f"takes '{key}'{', which is required' if needed else ''}", needed)
    else:
        if new["required"] != old["required"]:
            word = "required" if new["required"] else "optional"
            yield Change(tool, f"'{key}' is {word}", new["required"])
        for name in WATCHED:
            if old.get(name) != new.get(name):
                what = f"'{key}' has another {name}: {new.get(name)!r}, not {old.get(name)!r}"
                yield Change(tool, what[:300], narrows(name, old.get(name), new.get(name)))


def narrows(name: str, old: Any, new: Any) -> bool:
    """Whether a previously valid value may have become invalid."""
    if new is None and name not in {"location", "type", "style", "name"}:
        return False
    if name == "enum" and isinstance(old, list):
        return not set(map(str, old)) <= set(map(str, new))
    return True


def fields_of(schema: Any, before: str = "", depth: int = 0) -> Iterator[str]:
    """Return the fields of a response by path: `instance.id`, `ports[].number`."""
    if not isinstance(schema, dict) or depth > DEEPEST:
        return
    for name, one in (schema.get("properties") or {}).items():
        yield f"{before}{name}"
        yield from fields_of(one, f"{before}{name}.", depth + 1)
    if isinstance(schema.get("items"), dict):
        yield from fields_of(schema["items"], f"{before.rstrip('.')}[].", depth + 1)
