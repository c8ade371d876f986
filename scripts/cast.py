"""Makes a picture of a terminal from what a command has printed: `make demo | scripts/cast.py`.

The lines appear one after the other. The picture needs neither a font nor a script of its own.
"""

import re
import sys
from html import escape

COLUMNS, LINES_MAX = 100, 40
WIDTH, LINE, TOP, LEFT = 8.4, 19, 46, 16
APART_S = 0.25
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HEADING, PROMPT = "== ", "$ "
STYLE = """text { font: 14px ui-monospace, Menlo, Consolas, monospace; fill: #d6deeb; opacity: 0;
white-space: pre; animation: show 0.1s forwards; } .heading { fill: #7fdbca; }
.prompt { fill: #ffcb6b; } @keyframes show { to { opacity: 1; } }"""


def cast(printed: str) -> str:
    lines = [ESCAPES.sub("", line)[:COLUMNS] for line in printed.splitlines()][:LINES_MAX]
    height = TOP + LINE * len(lines) + 8
    width = int(2 * LEFT + WIDTH * COLUMNS)
    texts = [text_of(line, number) for number, line in enumerate(lines)]
    dots = "".join(
        f'<circle cx="{20 + 20 * i}" cy="18" r="6" fill="{color}"/>'
        for i, color in enumerate(("#ff5f56", "#ffbd2e", "#27c93f"))
    )
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>make demo: from a clone to a command inside a virtual machine</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#011627"/>{dots}',
        *texts,
        "</svg>\n",
    ])  # fmt: skip


def text_of(line: str, number: int) -> str:
    kind = (
        "heading" if line.startswith(HEADING) else "prompt" if line.startswith(PROMPT) else "line"
    )
    place = f'x="{LEFT}" y="{TOP + LINE * number}"'
    begin = f'style="animation-delay: {number * APART_S:.2f}s"'
    return f'<text class="{kind}" {place} {begin}>{escape(line)}</text>'


if __name__ == "__main__":
    sys.stdout.write(cast(sys.stdin.read()))
