"""`make clients`: how much of Genesis Cloud's API is served, as a page of `docs/dialects`."""

import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.api.server import RunningCloud
from tests.clients.genesis import oracle
from tests.clients.genesis.walk import Walk
from tests.clients.shares import fields_in, table

REPOSITORY = Path(__file__).parents[3]
FILE = REPOSITORY / "docs/dialects/genesis-coverage.md"
HEAD = """# What is served of Genesis Cloud's compute API v1

Made by `make clients`: a walk through all operations that the vendor's clients know, each answer
held against the shapes that they read and that its pages print
(`tests/clients/genesis/oracle.py`): there is no document of the vendor to be had. A field counts as
served where an answer of the walk had it, of the right kind. What is refused, and why, is told
[here](genesis.md).

"""


def text_of(walk: Walk) -> str:
    served: dict[str, list[bool]] = defaultdict(list)
    fields: dict[str, list[bool]] = defaultdict(list)
    missing: list[str] = []
    for name, (_, path, _, shape) in oracle.OPERATIONS.items():
        family = path.split("/")[1]
        served[family].append(name in walk.answers)
        if name in walk.answers:
            wanted, seen = oracle.fields_of(shape), seen_in(walk.answers[name])
            fields[family] += [field in seen for field in wanted]
            missing += [f"- {name}: `{field}`" for field in sorted(wanted - seen)]
    refused = [f"- {name}: {walk.refusals[name]}" for name in sorted(walk.refusals)]
    lines = [
        *table(served, fields), "",
        "## Operations that are refused", "", *refused, "",
        "## Fields that no answer had", "", *missing, "",
        "## Deviations", "", *(walk.deviations or ["None."]),
    ]  # fmt: skip
    return HEAD + "\n".join(lines) + "\n"


def seen_in(answers: list[Any]) -> set[str]:
    return {field for answer in answers for field in fields_in(answer)}


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="atoll-clients-") as directory,
        RunningCloud(Path(directory)) as cloud,
    ):
        walk = Walk(cloud.url, cloud.admin_key)
        walk.go()
    text = text_of(walk)
    FILE.write_text(text)
    sys.stdout.write(next(line for line in text.splitlines() if line.startswith("| **all")) + "\n")


if __name__ == "__main__":
    main()
