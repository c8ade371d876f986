"""Finite whatever the document says, and the same whoever asks first."""

import json
import time
import tracemalloc
from pathlib import Path

import pytest

from ocp_agent import OCPAgent
from ocp_agent.limits import SCHEMA_NODES
from tests.ocp_agent.support import (
    TEXT,
    Json,
    answer,
    body,
    discovered,
    document,
    fields,
    reference,
)


def nodes_in(schema: object) -> int:
    if isinstance(schema, dict):
        return 1 + sum(map(nodes_in, schema.values()))
    return sum(map(nodes_in, schema)) if isinstance(schema, list) else 0


def bomb(depth: int) -> Json:
    """Each level names the next one twice."""
    schemas = {
        f"L{n}": fields(a=reference(f"L{n + 1}"), b=reference(f"L{n + 1}")) for n in range(depth)
    }
    schemas[f"L{depth}"] = TEXT
    post = {
        "operationId": "x",
        "requestBody": body(reference("L0")),
        "responses": answer(reference("L0")),
    }
    return document({"/x": {"post": post}}, components={"schemas": schemas})


def dense(operations: int, schemas: int = 240) -> Json:
    """Each schema names the eight after it."""
    every = {
        f"S{n}": fields(
            name=TEXT, **{f"r{m}": reference(f"S{m}") for m in range(n + 1, min(n + 9, schemas))}
        )
        for n in range(schemas)
    }
    paths = {
        f"/r{n}/{{id}}": {"post": {
            "operationId": f"op{n}", "requestBody": body(reference(f"S{n % schemas}")),
            "responses": answer(reference(f"S{n * 7 % schemas}")),
        }}
        for n in range(operations)
    }  # fmt: skip
    return document(paths, components={"schemas": every})


@pytest.mark.parametrize("said", [bomb(18), dense(20)], ids=["bomb", "dense"])
def test_what_explodes_is_shown_within_bounds(said: Json) -> None:
    tools = discovered(said).tools
    assert tools
    for tool in tools:
        assert nodes_in(tool.parameters) < 4 * SCHEMA_NODES
        assert nodes_in(tool.response_schema) < 4 * SCHEMA_NODES


@pytest.mark.parametrize("said", [bomb(18), dense(1_000)], ids=["bomb", "dense"])
def test_what_explodes_is_registered_quickly_in_little_room(said: Json, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(said))
    size = (tmp_path / "a.json").stat().st_size
    took = []
    for _ in range(3):
        agent = OCPAgent()
        began = time.process_time()
        agent.register_api("a", str(tmp_path / "a.json"), max_age_days=0)
        took.append(time.process_time() - began)
    assert min(took) < 0.2
    tracemalloc.start()
    OCPAgent().register_api("a", str(tmp_path / "a.json"), max_age_days=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    cached = sum(path.stat().st_size for path in (tmp_path / ".ocp").rglob("*.json"))
    assert peak < 32 * 1024 * 1024 and cached < 2 * size + 100_000


def test_deep_arguments_are_checked_where_they_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(bomb(18)))
    agent = OCPAgent()
    agent.register_api("a", str(tmp_path / "a.json"), "http://127.0.0.1:1")
    value: object = 1
    for _ in range(17):
        value = {"a": value}
    with pytest.raises(ValueError, match=r"a\.a\.a.*1 is not of type"):
        agent.call_tool("x", {"b": value}, dry_run=True)


def test_a_tree_is_shown_one_level_within_itself() -> None:
    node = fields(label=TEXT, children={"type": "array", "items": reference("Node")})
    get = {"operationId": "x", "responses": answer(reference("Node"))}
    said = document({"/x": {"get": get}}, components={"schemas": {"Node": node}})
    shown = discovered(said).tools[0].response_schema
    assert shown is not None
    inner = shown["properties"]["children"]["items"]
    assert inner["properties"]["label"] == TEXT
    again = inner["properties"]["children"]["items"]
    assert again == {"type": "object", "description": "Circular reference to Node"}


def test_a_chain_longer_than_pythons_stack_is_read() -> None:
    schemas = {f"s{n}": fields(next=reference(f"s{n + 1}")) for n in range(3_000)} | {"s3000": TEXT}
    post = {"operationId": "x", "requestBody": body(reference("s0")), "responses": {}}
    said = document({"/x": {"post": post}}, components={"schemas": schemas})
    assert discovered(said).tools[0].parameters["next"]["type"] == "object"


@pytest.mark.parametrize(
    "where", ["#/components/schemas/None", "other.yaml#/A", "https://x.example.com/y"]
)
def test_a_reference_that_leads_nowhere_allows_everything(where: str) -> None:
    post = {"operationId": "x", "requestBody": body(fields(a={"$ref": where})), "responses": {}}
    (tool,) = discovered(document({"/x": {"post": post}})).tools
    assert "$ref" not in json.dumps(tool.parameters)


def test_a_loop_of_nothing_but_references_ends() -> None:
    schemas = {"A": reference("B"), "B": reference("A")}
    post = {
        "operationId": "x",
        "requestBody": body(reference("A")),
        "responses": answer(reference("B")),
    }
    (tool,) = discovered(document({"/x": {"post": post}}, components={"schemas": schemas})).tools
    assert "$ref" not in json.dumps(tool.to_dict())
