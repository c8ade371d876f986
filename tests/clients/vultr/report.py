"""`make clients`: how much of Vultr's document is served, as `docs/dialects/vultr-coverage.md`."""

import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.api.server import RunningCloud
from tests.clients.shares import fields_in, table
from tests.clients.vultr import oracle
from tests.clients.vultr.walk import Walk

REPOSITORY = Path(__file__).parents[3]
FILE = REPOSITORY / "docs/dialects/vultr-coverage.md"
HEAD = """# What is served of Vultr's API v2

Made by `make clients`: a walk through all operations of the families that are served, each answer
held against Vultr's document of December 2023, as [corrected](vultr.md). A field counts as served
where an answer of the walk had it, with the document's type.

"""


def text_of(walk: Walk) -> str:
    served, fields = defaultdict(list), defaultdict(list)
    missing: list[str] = []
    for name, operation in sorted(oracle.OPERATIONS.items()):
        family = operation["path"].split("/")[1]
        answered = name in walk.answers
        served[family].append(answered)
        wanted = {
            field for schema in operation["answers"].values() for field in oracle.fields_of(schema)
        }
        seen = {field for answer in walk.answers.get(name, ()) for field in fields_in(answer)}
        if answered:
            fields[family] += [field in seen for field in wanted]
            missing += [f"- `{name}`: `{field}`" for field in sorted(wanted - seen)]
    refused = [
        f"- `{name}`: {walk.refusals[name]}"
        for name in sorted(set(walk.refusals) - set(walk.answers))
        if "-" in name
    ]
    lines = [
        *table(served, fields), "",
        "## Operations that are refused", "", *stable(refused), "",
        "## Fields that no answer had", "", *missing, "",
        "## Deviations", "", *(walk.deviations or ["None."]),
    ]  # fmt: skip
    return HEAD + "\n".join(lines) + "\n"


def stable(lines: list[str]) -> list[str]:
    """Without what is another one in each run."""
    return [line for line in lines if "::" not in line] + [
        line.partition(": ")[0] for line in lines if "::" in line
    ]


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="atoll-clients-") as directory,
        RunningCloud(Path(directory), vultr_per_second=0) as cloud,
    ):
        walk = Walk(cloud.url, cloud.admin_key)
        walk.go()
    text = text_of(walk)
    FILE.write_text(text)
    sys.stdout.write(next(line for line in text.splitlines() if line.startswith("| **all")) + "\n")


if __name__ == "__main__":
    main()
