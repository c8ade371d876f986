"""The command line and the API agree, as the API's own document has it.

Each exchange of a scripted server is checked too, by the fixture `cloud`.
"""

import importlib
from collections.abc import Sequence

import pytest

from atoll.cli.command_list import COMMANDS
from atoll.cli.commands import operations
from atoll.cli.nouns import Noun
from atoll.cli.output import Column
from tests.cli import shapes
from tests.cli.cloud import INSTANCE_ID, Cloud, instance
from tests.cli.conftest import Atoll

MODULES = [importlib.import_module(command.target.partition(":")[0]) for command in COMMANDS]
NOUNS = [one for module in MODULES for one in vars(module).values() if isinstance(one, Noun)]
LISTS = [(noun.path, noun.columns) for noun in NOUNS] + [("/v1/operations", operations.COLUMNS)]


@pytest.mark.parametrize(("path", "columns"), LISTS, ids=lambda value: str(value)[:30])
def test_every_column_of_a_list_is_a_field_of_the_api(path: str, columns: Sequence[Column]) -> None:
    answer = shapes.described("GET", path)["responses"]["200"]["content"][shapes.JSON]["schema"]
    things = {"$ref": f"{answer['$ref']}"}
    assert [one.path for one in columns if not shapes.has_field(things, f"items.{one.path}")] == []
    assert len(NOUNS) >= 12


def test_a_script_that_the_api_would_not_follow_is_noticed(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", {**instance("asleep"), "colour": "red"})
    cloud.answers("GET", f"/v1/instances/{INSTANCE_ID}/dreams", {})
    cloud.answers("POST", "/v1/instances", instance(), status=299)
    atoll("instance", "list", "--name", "demo")
    cloud.ask("GET", "/v1/instances", query=["shape"])
    noticed = set(cloud.strange)
    cloud.strange.clear()
    assert noticed >= {
        "GET /v1/instances.items[] has no field colour",
        f"the API has no GET /v1/instances/{INSTANCE_ID}/dreams",
        "POST /v1/instances never answers 299",
        "GET /v1/instances has no parameter shape",
    }
