"""Checks the arguments of a call against the complete JSON Schema, and sorts them by location.

Every error names the field as in the call. Values that could be secrets are not repeated.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ocp_agent.checks import Checks
from ocp_agent.errors import ArgumentError, InvalidArguments
from ocp_agent.keywords import Schema
from ocp_agent.lazily import Lazily
from ocp_agent.redaction import is_secret
from ocp_agent.shapes import ALONE, is_json
from ocp_agent.styles import path_value
from ocp_agent.tools import OCPTool

if TYPE_CHECKING:
    import difflib

    import jsonschema_rs
else:
    difflib = Lazily("difflib")
    jsonschema_rs = Lazily("jsonschema_rs")

MESSAGE_LONGEST = 300
OTHER_LETTERS = re.compile(r"[^a-zA-Z0-9]")
NO_SEGMENT = {".", ".."}  # clients and servers remove these segments from paths


class Arguments(msgspec.Struct, frozen=True):
    """Arguments by location and wire name: `{"path": {"instance-id": …}, "query": {…}, …}`."""

    places: dict[str, dict[str, Any]]
    body: dict[str, Any] = {}  # or {"body": the complete body}

    def get(self, location: str) -> dict[str, Any]:
        return self.places.get(location, {})


def checked_arguments(tool: OCPTool, given: Mapping[str, Any]) -> Arguments:
    """Check and sort the arguments. Raises InvalidArguments with all errors."""
    checker = checker_of(tool)
    arguments, unknown = checker.sort(given)
    errors = [*unknown, *checker.errors_in(arguments)]
    if errors:
        raise InvalidArguments(errors)
    return arguments


def checker_of(tool: OCPTool) -> "Checker":
    """The validator, created at the first call of the tool and kept with it."""
    known = tool.__dict__.get("_checker")
    if known is None:
        known = tool.__dict__["_checker"] = Checker(tool)
    checker: Checker = known
    return checker


class Checker:
    def __init__(self, tool: OCPTool) -> None:
        self.shape = tool.shape
        self.by_key = {one.key: one for one in self.shape.parameters}
        # Models write instance_id for `instance-id`.
        self.by_letters = {OTHER_LETTERS.sub("_", key): key for key in self.by_key}
        self.by_place = tool.by_place
        self.key_of = {(one.location, one.name): one.key for one in self.shape.parameters}
        body = self.shape.body
        self.may_hold_files = body is not None and not is_json(body.media_type)
        self.places = {one.location for one in self.shape.parameters} - {"body"}
        self.validator = compiled(schema_of(tool))

    def sort(self, given: Mapping[str, Any]) -> tuple[Arguments, list[ArgumentError]]:
        arguments, errors = Arguments({}), []
        for key, value in given.items():
            parameter = self.by_key.get(key) or self.by_key.get(self.by_letters.get(key, ""))
            if parameter is None:
                if self.shape.body is None or not self.shape.body.is_open:
                    errors.append(ArgumentError(key, f"there is no such parameter{self.hint(key)}"))
                else:
                    arguments.body[key] = value
            elif value is None and not parameter.required and parameter.location != "body":
                continue  # models write this for "not given"
            elif parameter.location == "body":
                arguments.body[parameter.name] = value
            else:
                arguments.places.setdefault(parameter.location, {})[parameter.name] = value
        return arguments, errors

    def hint(self, key: str) -> str:
        near = difflib.get_close_matches(key, self.by_key, n=1)
        return f"; did you mean '{near[0]}'?" if near else ""

    def errors_in(self, arguments: Arguments) -> list[ArgumentError]:
        instance: dict[str, Any] = {**{place: {} for place in self.places}, **arguments.places}
        body = self.shape.body
        if body is not None and (arguments.body or body.required or self.needs_body()):
            instance["body"] = arguments.body.get(ALONE) if body.is_alone else arguments.body
            if body.is_alone and ALONE not in arguments.body:
                return [ArgumentError(ALONE, "is required")]
        found = [
            ArgumentError(self.key_of.get(("path", name), name), "must not be empty, '.' or '..'")
            for name, value in arguments.get("path").items()
            if not (text := path_value(self.by_place["path", name], value))
            or not NO_SEGMENT.isdisjoint(text.split("/"))
        ]
        plain = without_bytes(instance) if self.may_hold_files else instance
        if not self.validator.is_valid(plain):
            found += [self.error_of(one) for one in self.validator.iter_errors(plain)]
        return found

    def needs_body(self) -> bool:
        return any(one.required and one.location == "body" for one in self.shape.parameters)

    def error_of(self, error: "jsonschema_rs.ValidationError") -> ArgumentError:
        path, message = list(error.instance_path), str(error.message)
        kind = error.kind.name
        if kind == "required":
            path, message = [*path, error.kind.as_dict()["property"]], "is required"
        field_name = self.field_of(path)
        if kind != "required" and any(is_secret(str(step)) for step in path):
            message = f"breaks the rule '{kind}'"
        return ArgumentError(field_name, message[:MESSAGE_LONGEST])

    def field_of(self, path: list[Any]) -> str:
        """Format a path: `body`, `ports`, 0, `number` becomes ports[0].number."""
        if not path:
            return "arguments"
        location, *steps = path
        if location == "body" and self.shape.body is not None and self.shape.body.is_alone:
            steps = [ALONE, *steps]
        elif steps:
            steps[0] = self.key_of.get((location, steps[0]), steps[0])
        text = ""
        for step in steps or [location]:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
        return text


def schema_of(tool: OCPTool) -> Schema:
    """Build the schema of all arguments, by location."""
    definitions: dict[str, Schema] = {}
    checks = Checks(tool.schemas, definitions)
    properties: dict[str, Schema] = {}
    for one in tool.shape.parameters:
        if one.location == "body":
            continue
        place = properties.setdefault(
            one.location, {"type": "object", "properties": {}, "required": []}
        )
        place["properties"][one.name] = checks.built(one.schema)
        if one.required:
            place["required"].append(one.name)
    required = [location for location, place in properties.items() if place["required"]]
    if tool.shape.body is not None:
        properties["body"] = checks.built(tool.shape.body.schema)
    return {"properties": properties, "required": required, "$defs": definitions}


def compiled(schema: Schema) -> "jsonschema_rs.Draft202012Validator":
    """Compile the schema; if a pattern is invalid, without patterns."""
    for loosened in (schema, without(schema, {"pattern", "patternProperties"}), {}):
        try:
            return jsonschema_rs.Draft202012Validator(loosened, validate_formats=True)
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
            continue
    raise AssertionError("the empty schema can always be compiled")


def without(schema: Any, keywords: set[str]) -> Any:
    if isinstance(schema, dict):
        return {key: without(one, keywords) for key, one in schema.items() if key not in keywords}
    return [without(one, keywords) for one in schema] if isinstance(schema, list) else schema


def without_bytes(value: Any) -> Any:
    """Replace files by text, which is what schemas expect."""
    if isinstance(value, Mapping):
        return {str(key): without_bytes(one) for key, one in value.items()}
    if isinstance(value, list):
        return [without_bytes(one) for one in value]
    is_file = isinstance(value, bytes | Path | tuple) or hasattr(value, "read")
    return "" if is_file else value
