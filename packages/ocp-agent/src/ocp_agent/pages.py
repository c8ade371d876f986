"""Generates the responses of a registry for an API, and a Markdown page for each tool.

Pure functions. The pages have the same sections as those of the protocol.
"""

from typing import Any

import msgspec

from ocp_agent.tools import OCPAPISpec, OCPTool

ARGUMENTS_HINT = "# Add required parameters here"


def registry_answer(spec: OCPAPISpec, name: str, display_name: str = "") -> dict[str, Any]:
    """Build the response of `GET /registry/{name}`."""
    return {
        "name": name,
        "display_name": display_name or spec.title,
        "description": spec.description,
        "base_url": spec.base_url,
        "tools": [tool.to_dict() for tool in spec.tools],
        "security_schemes": spec.security_schemes,
    }


def tool_page(tool: OCPTool, api_name: str) -> str:
    """Build the page: heading, details, parameters, response, example."""
    parts = [
        f"# {tool.name}",
        tool.description,
        "## Details",
        details_of(tool),
        "## Parameters",
        fenced("json", indented(tool.parameters)),
        "## Response Schema",
        fenced("json", indented(tool.response_schema)),
        "## Usage",
        fenced("python", usage(tool.name, api_name)),
    ]
    return "\n\n".join(parts) + "\n"


def details_of(tool: OCPTool) -> str:
    said = {"Method": tool.method, "Path": tool.path, "Operation ID": tool.operation_id or ""}
    return "\n".join(f"- **{name}**: {value}" for name, value in said.items() if value)


def usage(tool_name: str, api_name: str) -> str:
    return "\n".join([
        "from ocp_agent import OCPAgent",
        "",
        "agent = OCPAgent()",
        f"await agent.register_api('{api_name}')",
        "",
        "# Call this tool",
        f"result = await agent.call_tool('{tool_name}', {{",
        f"    {ARGUMENTS_HINT}",
        "})",
    ])  # fmt: skip


def documentation_of(tool: OCPTool) -> str:
    """Build a shorter description, for a model that is about to call the tool."""
    lines = [
        f"## {tool.name}",
        f"**Method:** {tool.method}",
        f"**Path:** {tool.path}",
        f"**Description:** {tool.description}",
        "",
    ]
    if tool.parameters:
        lines += ["### Parameters:", *map(line_of, tool.parameters, tool.parameters.values()), ""]
    if tool.tags:
        lines += [f"**Tags:** {', '.join(tool.tags)}", ""]
    return "\n".join(lines)


def line_of(key: str, entry: dict[str, Any]) -> str:
    needed = "required" if entry["required"] else "optional"
    return f"- **{key}** ({needed}) [{entry['location']}]: {entry['description']}"


def fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def indented(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
