"""Validates a context against the JSON Schema of the protocol. Called by users only."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

import msgspec

from ocp_agent.context import AGENT_TYPE, AgentContext, new_id, now
from ocp_agent.lazily import Lazily
from ocp_agent.limits import RECENT_CHANGES

if TYPE_CHECKING:
    import jsonschema_rs
else:
    jsonschema_rs = Lazily("jsonschema_rs")

TEXT, TEXT_OR_NULL = {"type": "string"}, {"type": ["string", "null"]}
INTERACTION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "timestamp": TEXT,
        "action": TEXT,
        "api_endpoint": TEXT_OR_NULL,
        "result": TEXT_OR_NULL,
        "metadata": {"type": ["object", "null"]},
    },
    "required": ["timestamp", "action"],
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "$id": "https://opencontextprotocol.org/schemas/ocp-context.json",
    "title": "OCP Context Object",
    "description": "What an agent tells an API of itself and its work",
    "type": "object",
    "properties": {
        "context_id": {
            "type": "string",
            "pattern": "^ocp-[a-f0-9]{8,}$",
            "description": "Identifies the context",
        },
        "agent_type": {"type": "string", "minLength": 1, "description": "Kind of agent"},
        "user": TEXT_OR_NULL,
        "workspace": TEXT_OR_NULL,
        "current_file": TEXT_OR_NULL,
        "session": {"type": "object"},
        "history": {"type": "array", "items": INTERACTION},
        "current_goal": TEXT_OR_NULL,
        "context_summary": TEXT_OR_NULL,
        "error_context": TEXT_OR_NULL,
        "recent_changes": {"type": "array", "items": TEXT, "maxItems": RECENT_CHANGES},
        "api_specs": {
            "type": "object",
            "patternProperties": {"^[a-zA-Z0-9_-]+$": TEXT},
            "additionalProperties": False,
        },
        "created_at": TEXT,
        "last_updated": TEXT,
    },
    "required": ["context_id", "agent_type", "created_at", "last_updated"],
    "additionalProperties": False,
}


OCP_CONTEXT_SCHEMA = SCHEMA


class ValidationResult(msgspec.Struct, frozen=True):
    valid: bool
    errors: list[str] = []

    def __bool__(self) -> bool:
        return self.valid

    def __str__(self) -> str:
        if self.valid:
            return "Valid OCP context"
        return f"Invalid OCP context: {'; '.join(self.errors)}"


def get_schema() -> dict[str, Any]:
    return dict(SCHEMA)


def validate_context(context: AgentContext | None) -> ValidationResult:
    return validate_context_dict(None if context is None else context.to_dict())


def validate_context_dict(data: Any) -> ValidationResult:
    whole = dict(data) if isinstance(data, Mapping) else data
    found = jsonschema_rs.Draft7Validator(SCHEMA).iter_errors(whole)
    errors = [
        f"{'.'.join(map(str, one.instance_path)) or 'context'}: {one.message}" for one in found
    ]
    return ValidationResult(not errors, errors)


@overload
def validate_and_fix_context(data: AgentContext) -> tuple[AgentContext, ValidationResult]: ...


@overload
def validate_and_fix_context(
    data: Mapping[str, Any],
) -> tuple[dict[str, Any], ValidationResult]: ...


def validate_and_fix_context(
    data: AgentContext | Mapping[str, Any],
) -> tuple[AgentContext | dict[str, Any], ValidationResult]:
    """Add missing fields and remove unknown or invalid ones; also return if it is now valid. The
    result is of the kind that was given."""
    if isinstance(data, AgentContext):
        fields, result = validate_and_fix_context(data.to_dict())
        return AgentContext.from_dict(fields), result
    known = {name: value for name, value in data.items() if name in SCHEMA["properties"]}
    whole = {
        "context_id": new_id(),
        "agent_type": AGENT_TYPE,
        "created_at": now(),
        "last_updated": now(),
        **known,
    }
    for error in jsonschema_rs.Draft7Validator(SCHEMA).iter_errors(whole):
        name = next(iter(error.instance_path), None)
        if name == "recent_changes" and isinstance(whole.get(name), list):
            whole[name] = [one for one in whole[name] if isinstance(one, str)][-RECENT_CHANGES:]
        elif name == "context_id":
            whole[name] = new_id()
        elif isinstance(name, str) and name not in SCHEMA["required"]:
            whole.pop(name, None)
    return whole, validate_context_dict(whole)
