"""Renders an OpenAPI document as a page: one file, no script, no external resources."""

import html
import json
from typing import Any

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem 1.5rem 4rem;
color:#1b2a33;background:#fbfdfd}h1{margin-bottom:0}h2{margin-top:2.5rem;border-bottom:2px solid
#0b7a75;padding-bottom:.2rem}details{border:1px solid #cfdcdc;border-radius:.4rem;margin:.4rem 0;
background:#fff}summary{cursor:pointer;padding:.45rem .7rem}summary code{font-weight:600}
.verb{display:inline-block;min-width:4.2rem;font-weight:700;color:#0b7a75}.in{padding:0 1rem 1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .6rem .25rem 0;
vertical-align:top;border-top:1px solid #e4ecec}pre{background:#eef4f4;padding:.7rem;overflow:auto;
border-radius:.4rem;font-size:.85rem}.what{color:#51666f;margin-left:.6rem}nav a{margin-right:1rem}
"""
EXAMPLE_DEPTH_MAX = 6


def page(document: dict[str, Any]) -> bytes:
    groups: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["Other"])[0]
            groups.setdefault(tag, []).append(entry(document, path, method, operation))
    links = " ".join(f'<a href="#{slug(tag)}">{text(tag)}</a>' for tag in groups)
    sections = "".join(
        f'<h2 id="{slug(tag)}">{text(tag)}</h2>{"".join(entries)}'
        for tag, entries in groups.items()
    )
    info = document["info"]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{text(info['title'])} API</title>"
        '<meta name="viewport" content="width=device-width"><style>' + STYLE + "</style>"
        f"<h1>{text(info['title'])} API</h1><p>{text(info['description'])}</p>"
        '<p>The machine-readable form is <a href="/openapi.json">/openapi.json</a>. Send a key as '
        f"<code>X-API-Key</code>.</p><nav>{links}</nav>{sections}</html>"
    ).encode()


def entry(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{text(p['name'])}</code><td>{text(p['in'])}<td>"
        f"{text(kind_of(p.get('schema', {})))}<td>{text(p.get('description', ''))}"
        for p in operation.get("parameters", [])
    )
    answers = "".join(
        f"<tr><td><code>{status}</code><td>{text(answer.get('description', ''))}"
        for status, answer in sorted(operation.get("responses", {}).items())
    )
    return (
        f'<details><summary><span class="verb">{method.upper()}</span><code>{text(path)}</code>'
        f'<span class="what">{text(operation.get("summary", ""))}</span></summary><div class="in">'
        f"<table>{rows}</table>{request_of(document, operation)}<h4>Answers</h4>"
        f"<table>{answers}</table></div></details>"
    )


def request_of(document: dict[str, Any], operation: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return ""
    given = [e["value"] for e in content.get("examples", {}).values() if "value" in e]
    example = given[0] if given else example_of(document, content["schema"], 0)
    return f"<h4>Body</h4><pre>{text(json.dumps(example, indent=2))}</pre>"


def example_of(document: dict[str, Any], schema: dict[str, Any], depth: int) -> Any:
    """Return an example body: types if there is no value to show."""
    if depth > EXAMPLE_DEPTH_MAX:
        return "…"
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return example_of(document, document["components"]["schemas"][name], depth + 1)
    for choice in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        if choice.get("type") != "null":
            return example_of(document, choice, depth + 1)
    if "properties" in schema:
        return {k: example_of(document, v, depth + 1) for k, v in schema["properties"].items()}
    if schema.get("type") == "array":
        return [example_of(document, schema.get("items", {}), depth + 1)]
    return schema.get("default", kind_of(schema))


def kind_of(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "oneOf" in schema:
        return " | ".join(sorted({kind_of(one) for one in schema["oneOf"]} - {"null"}))
    return str(schema.get("type", "object"))


def slug(tag: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in tag.lower())


def text(value: str) -> str:
    return html.escape(value)
