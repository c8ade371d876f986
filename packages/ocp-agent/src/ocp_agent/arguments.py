"""Checks the arguments of a call against the complete JSON Schema, and sorts them by location.

Every error names the field as in the call. Values that could be secrets are not repeated.
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ocp_agent.branches import Branches
from ocp_agent.checks import Checks
from ocp_agent.errors import ArgumentError, InvalidArguments
from ocp_agent.integers import Integers, has_float
from ocp_agent.keywords import Schema
from ocp_agent.lazily import Lazily
from ocp_agent.raw import dict_at
from ocp_agent.redaction import is_secret
from ocp_agent.shapes import ALONE, Parameter, is_json, is_patch, is_plain
from ocp_agent.styles import is_simple, path_value
from ocp_agent.tools import OCPTool

if TYPE_CHECKING:
    import difflib

    import jsonschema_rs
else:
    difflib = Lazily("difflib")
    jsonschema_rs = Lazily("jsonschema_rs")

MESSAGE_LONGEST = 300
OTHER_LETTERS = re.compile(r"[^a-zA-Z0-9]")
NO_SEGMENT = {".", ".."}
TOO_MANY_BRANCHES = (
    "cannot be checked: the document describes them by alternatives of alternatives, too many to "
    "follow; call the tool without a check"
)


# A JSON Patch, also where a document only says that it is an object.
CHANGES: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["op", "path"],
        "properties": {"path": {"type": "string"}},
    },
}

log = logging.getLogger("ocp_agent")


class Arguments(msgspec.Struct, frozen=True):
    """Arguments by location and wire name: `{"path": {"instance-id": …}, "query": {…}, …}`."""

    places: dict[str, dict[str, Any]]
    body: dict[str, Any] = {}  # or {"body": the complete body}

    def get(self, location: str) -> dict[str, Any]:
        return self.places.get(location, {})


def checked_arguments(tool: OCPTool, given: Mapping[str, Any], *, check: bool = True) -> Arguments:
    """Check and sort the arguments. Raises InvalidArguments with all errors. Without a check, they
    are sent as they are, and only the path has to be complete."""
    checker = checker_of(tool)
    if not check:
        arguments = checker.sorted_unchecked(given)
        errors = checker.errors_in_path(arguments)
    else:
        arguments, unknown = checker.sort(given)
        errors = [*unknown, *checker.errors_in(arguments)]
    if errors:
        raise InvalidArguments(errors)
    return checker.with_integers(arguments)


def fits(tool: OCPTool, given: Mapping[str, Any]) -> bool:
    checker = checker_of(tool)
    arguments, unknown = checker.sort(given)
    return not unknown and not checker.errors_in(arguments)


def checker_of(tool: OCPTool) -> "Checker":
    """The validator, created at the first call of the tool and kept with it."""
    known = tool.__dict__.get("_checker")
    if known is None:
        known = tool.__dict__["_checker"] = Checker(tool)
    checker: Checker = known
    return checker


class Checker:
    def __init__(self, tool: OCPTool) -> None:
        self.shape, self.schemas = tool.shape, tool.schemas
        self.by_key = {one.key: one for one in self.shape.parameters}
        # Models write instance_id for `instance-id`.
        self.by_letters = {OTHER_LETTERS.sub("_", key): key for key in self.by_key}
        self.by_place = tool.by_place
        self.key_of = {(one.location, one.name): one.key for one in self.shape.parameters}
        body = self.shape.body
        self.may_hold_files = body is not None and not is_json(body.media_type)
        self.places = {one.location for one in self.shape.parameters} - {"body"}
        self.schema = schema_of(tool)
        self.validator = compiled(self.schema)
        self.branches = Branches(self.schema)
        self._takes_null: dict[str, bool] = {}

    def sort(self, given: Mapping[str, Any]) -> tuple[Arguments, list[ArgumentError]]:
        arguments, errors = Arguments({}), []
        for key, value in given.items():
            parameter = self.parameter(key)
            if parameter is None:
                if self.shape.body is None or not self.shape.body.is_open:
                    errors.append(ArgumentError(key, f"there is no such parameter{self.hint(key)}"))
                elif value is not None or self.takes_null("", self.further()):
                    arguments.body[key] = value
            elif value is None and not parameter.required and not self.sends_null(parameter):
                continue  # models write this for "not given"
            elif parameter.location == "body":
                arguments.body[parameter.name] = value
            else:
                arguments.places.setdefault(parameter.location, {})[parameter.name] = value
        return arguments, errors

    def sorted_unchecked(self, given: Mapping[str, Any]) -> Arguments:
        """Sort what is known; all else belongs to the body, or to the query without one."""
        arguments = Arguments({})
        takes_more = self.shape.body is not None and not self.shape.body.is_alone
        for key, value in given.items():
            parameter = self.parameter(key)
            location = parameter.location if parameter else "body" if takes_more else "query"
            name = parameter.name if parameter else key
            if location == "body":
                arguments.body[name] = value
            elif value is not None:
                arguments.places.setdefault(location, {})[name] = value
        return arguments

    def parameter(self, key: str) -> Parameter | None:
        return self.by_key.get(key) or self.by_key.get(self.by_letters.get(key, ""))

    def sends_null(self, parameter: Parameter) -> bool:
        return parameter.location == "body" and self.takes_null(parameter.key, parameter.schema)

    def takes_null(self, key: str, schema: Any) -> bool:
        """Whether the document wants null there: what takes anything at all does not say so."""
        if key not in self._takes_null:
            definitions: dict[str, Schema] = {}
            built = Checks(self.schemas, definitions).built(schema)
            whole = {**built, "$defs": definitions}
            is_sound = bool(built) and not Branches(whole).are_too_many(None)
            self._takes_null[key] = is_sound and compiled(whole).is_valid(None)
        return self._takes_null[key]

    def further(self) -> Any:
        """Return the schema of properties that the body takes besides."""
        whole = self.shape.body.schema if self.shape.body is not None else None
        return dict_at(self.schemas.schema(whole), "additionalProperties")

    def with_integers(self, arguments: Arguments) -> Arguments:
        if not has_float(arguments.places) and not has_float(arguments.body):
            return arguments
        numbers, schemas = Integers(self.schema["$defs"]), self.schema["properties"]
        whole = self.shape.body is not None and self.shape.body.is_alone
        given = arguments.body.get(ALONE) if whole else arguments.body
        body = numbers.written(given, [schemas.get("body")])
        places = {
            place: numbers.written(one, [schemas.get(place)])
            for place, one in arguments.places.items()
        }
        return Arguments(places, {ALONE: body} if whole and arguments.body else body or {})

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
            if body.is_alone and is_plain(body.media_type):
                value = instance.pop("body")
                if isinstance(value, Mapping | list):
                    message = f"must be text or bytes, since it is sent as {body.media_type}"
                    return [ArgumentError(ALONE, message)]
            elif body.is_alone and is_sent_as_it_is(body.media_type, instance["body"]):
                del instance["body"]
        found = self.errors_in_segments(arguments)
        plain = without_bytes(instance) if self.may_hold_files else instance
        if self.branches.are_too_many(plain):
            return [*found, ArgumentError("arguments", TOO_MANY_BRANCHES)]
        if not self.validator.is_valid(plain):
            found += [self.error_of(one) for one in self.validator.iter_errors(plain)]
        return found

    def errors_in_segments(self, arguments: Arguments) -> list[ArgumentError]:
        return [
            ArgumentError(self.key_of.get(("path", name), name), "must not be empty, '.' or '..'")
            for name, value in arguments.get("path").items()
            if not is_segment(self.by_place["path", name], value)
        ]

    def errors_in_path(self, arguments: Arguments) -> list[ArgumentError]:
        """What has to be right in any case: without it there is no address."""
        needed = [one for one in self.shape.parameters if one.location == "path"]
        missing = [one.key for one in needed if one.name not in arguments.get("path")]
        found = [ArgumentError(key, "is required") for key in missing]
        return [*found, *self.errors_in_segments(arguments)]

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


def is_segment(parameter: Parameter, value: Any) -> bool:
    """Whether the value leads where it says: clients and servers remove some segments."""
    text = value if is_simple(parameter, value) else path_value(parameter, value)
    segments = text.split("/") if parameter.reserved else [text]
    return bool(text) and NO_SEGMENT.isdisjoint(segments)


def is_sent_as_it_is(media_type: str, value: Any) -> bool:
    """Whether a body is already written: text of a type that is not JSON, or bytes."""
    return isinstance(value, bytes) or (isinstance(value, str) and not is_json(media_type))


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
    if (body := tool.shape.body) is not None:
        properties["body"] = CHANGES if is_patch(body.media_type) else checks.built(body.schema)
    return {"properties": properties, "required": required, "$defs": definitions}


def compiled(schema: Schema) -> "jsonschema_rs.Draft202012Validator":
    """Compile the schema. If it is refused all the same, what is required is checked at least."""
    try:
        return validator_of(schema)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        log.warning("A schema cannot be used for checks: %s", error)
    return validator_of(only_required(schema))


def validator_of(schema: Schema) -> "jsonschema_rs.Draft202012Validator":
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def only_required(schema: Schema) -> Schema:
    """Return only what is required in each place."""
    places = schema.get("properties", {})
    kept = {
        name: {key: one[key] for key in ("type", "required") if key in one}
        for name, one in places.items()
        if isinstance(one, dict)
    }
    return {"properties": kept, "required": schema.get("required", [])}


def without_bytes(value: Any) -> Any:
    """Replace files by text, which is what schemas expect."""
    if isinstance(value, Mapping):
        return {str(key): without_bytes(one) for key, one in value.items()}
    if isinstance(value, list):
        return [without_bytes(one) for one in value]
    is_file = isinstance(value, bytes | Path | tuple) or hasattr(value, "read")
    return "" if is_file else value
