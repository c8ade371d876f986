"""An HTML page for each tool, and one that lists them: no script, no external resources.

A tool's page has the parts that the protocol's own pages have: details, parameters, the schema of
the response, and how to use it.
"""

import html
from collections.abc import Sequence
from pkgutil import resolve_name
from typing import Any

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem 1.5rem 4rem;
color:#1b2a33;background:#fbfdfd}h2{margin-top:2rem;border-bottom:2px solid #0b7a75}a{color:#0b7a75}
pre{background:#eef4f4;padding:.7rem;overflow:auto;border-radius:.4rem;font-size:.85rem}
td{vertical-align:top;padding:.2rem .8rem .2rem 0;border-top:1px solid #e4ecec}table{width:100%;
border-collapse:collapse}.what{color:#51666f}
"""


def tool_markdown(tool: Any, api_name: str) -> str:
    page: str = resolve_name("ocp_agent.pages:tool_page")(tool, api_name)
    return page


def tool_html(tool: Any, api_name: str) -> str:
    """Render the page from its Markdown, the one source of both."""
    parts: list[str] = []
    fenced: list[str] | None = None
    for line in tool_markdown(tool, api_name).splitlines():
        if fenced is not None:
            if line == "```":
                parts.append(f"<pre>{text(chr(10).join(fenced))}</pre>")
                fenced = None
            else:
                fenced.append(line)
        elif line.startswith("```"):
            fenced = []
        elif line:
            parts.append(line_html(line))
    back = f'<p><a href="/registry/{text(api_name)}/tools">All tools of {text(api_name)}</a></p>'
    return page(tool.name, back + "".join(parts))


def line_html(line: str) -> str:
    if line.startswith("# "):
        return f"<h1>{text(line[2:])}</h1>"
    if line.startswith("## "):
        return f"<h2>{text(line[3:])}</h2>"
    if line.startswith("- **"):
        name, _, value = line[4:].partition("**: ")
        return f"<p><strong>{text(name)}</strong>: <code>{text(value)}</code></p>"
    return f"<p>{text(line)}</p>"


def tools_html(title: str, api_name: str, tools: Sequence[Any]) -> str:
    rows = "".join(
        f'<tr><td><a href="/registry/{text(api_name)}/tools/{text(tool.name.lower())}">'
        f"<code>{text(tool.name)}</code></a><td>{text(tool.method)} <code>{text(tool.path)}</code>"
        f'<td class="what">{text(tool.description)}'
        for tool in tools
    )
    return page(title, f"<h1>{text(title)}</h1><p>{len(tools)} tools</p><table>{rows}</table>")


def page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<title>{text(title)}</title><meta name="viewport" content="width=device-width">'
        f"<style>{STYLE}</style>{body}</html>"
    )


def text(words: str) -> str:
    return html.escape(words)
