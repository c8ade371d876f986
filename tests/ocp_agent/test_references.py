"""References lead where the version of the document says, in checks and in what is shown."""

import json
from typing import Any

import pytest

from ocp_agent.discovery import spec_of
from ocp_agent.document import read_document
from tests.ocp_agent.support import TEXT, Json, fields, only_tool, posting, reference, refused

NUMBER: Json = {"type": "integer"}
BESIDE = {**reference("Base"), "properties": {"b": TEXT}, "required": ["b"]}
BASE = fields("a", a=TEXT)


def test_what_stands_beside_a_reference_adds_to_it_since_3_1() -> None:
    said = posting(BESIDE, "3.1.0", Base=BASE)
    tool = only_tool(said)
    assert {key: one["required"] for key, one in tool.parameters.items()} == {"a": True, "b": True}
    assert refused(said, {"a": "1", "b": "2"}) == {}
    assert refused(said, {"b": "2"}) == {"a": "is required"}


@pytest.mark.parametrize("version", ["3.0.3", "2.0"])
def test_what_stands_beside_a_reference_is_ignored_before(version: str) -> None:
    beside = BESIDE if version != "2.0" else {**BESIDE, "$ref": "#/definitions/Base"}
    said = posting(beside, version, Base=BASE)
    assert list(only_tool(said).parameters) == ["a"]
    assert refused(said, {"a": "1"}) == {}
    assert list(refused(said, {"a": "1", "b": "2"})) == ["b"]


def test_it_is_the_same_within_a_body_and_in_what_is_shown() -> None:
    for version, keys in (("3.1.0", {"a", "b"}), ("3.0.3", {"a"})):
        said = posting(fields(it=BESIDE), version, Base=BASE)
        assert set(only_tool(said).parameters["it"]["properties"]) == keys
        assert (refused(said, {"it": {"a": "1"}}) == {}) is (version == "3.0.3")


@pytest.mark.parametrize(("version", "text"), [("3.1.0", "Mine."), ("3.0.3", "Its own.")])
def test_a_description_beside_a_reference_counts_since_3_1(version: str, text: str) -> None:
    base = {**TEXT, "description": "Its own."}
    beside = {**reference("Base"), "description": "Mine."}
    entry = only_tool(posting(fields(a=beside), version, Base=base)).parameters["a"]
    assert (entry["description"], entry["type"]) == (text, "string")


def test_limits_of_both_sides_hold_and_contradictions_are_shown() -> None:
    said = posting(fields(n={**reference("Small"), "minimum": 3}), "3.1.0",
                   Small={"type": "integer", "maximum": 5, "minimum": 0})  # fmt: skip
    assert refused(said, {"n": 4}) == {}
    assert list(refused(said, {"n": 6})) == list(refused(said, {"n": 2})) == ["n"]
    shown = only_tool(said).parameters["n"]["schema"]
    assert [part["minimum"] for part in shown["allOf"]] == [0, 3]


ITEM = {"type": "object", "properties": {"n": NUMBER}}


@pytest.mark.parametrize(
    ("schema", "schemas"),
    [
        ({"properties": {"it": {"$ref": "#/$defs/Item"}}, "$defs": {"Item": ITEM}}, {}),
        ({"properties": {"it": {"$ref": "#item"}}}, {"Item": {**ITEM, "$anchor": "item"}}),
        ({"properties": {"it": {"$dynamicRef": "#i"}}}, {"Item": {**ITEM, "$dynamicAnchor": "i"}}),
        ({"properties": {"it": {"$ref": "https://x.example.com/item"}}},
         {"Item": {**ITEM, "$id": "https://x.example.com/item"}}),
        ({"properties": {"it": {"$ref": "item#/$defs/Deep"}}, "$id": "https://x.example.com/whole"},
         {"Item": {"$id": "https://x.example.com/item", "$defs": {"Deep": ITEM}}}),
        ({"properties": {"it": {"$ref": "#/components/schemas/Item"}}, "$id": "https://x.example"},
         {"Item": ITEM}),
        ({"properties": {"it": {"$ref": "document.json#/components/schemas/Item"}}},
         {"Item": ITEM}),
        ({"properties": {"it": {"$ref": "./document.json#/components/schemas/Item"}}},
         {"Item": ITEM}),
    ],
)  # fmt: skip
def test_every_way_to_refer_to_the_document_itself_leads_there(schema: Json, schemas: Json) -> None:
    said = posting({"type": "object", **schema}, "3.1.0", **schemas)
    spec = spec_of(read_document(json.dumps(said).encode(), "/tmp/document.json"))
    assert spec.tools[0].parameters["it"]["properties"] == {"n": NUMBER}
    assert list(refused(said, {"it": {"n": "x"}})) == ["it.n"]


def test_a_document_that_nobody_named_can_only_mean_itself() -> None:
    said = posting(fields(it={"$ref": "api.json#/components/schemas/Item"}), "3.1.0", Item=ITEM)
    assert only_tool(said).parameters["it"]["properties"] == {"n": NUMBER}


def test_definitions_of_the_same_name_are_those_that_are_nearest() -> None:
    def of(kind: Json) -> Json:
        return {"properties": {"it": {"$ref": "#/$defs/Item"}}, "$defs": {"Item": kind}}

    either = {"type": "object", "properties": {"one": of(TEXT), "two": of(NUMBER)}}
    entries = only_tool(posting(either, "3.1.0")).parameters
    kinds = [entries[key]["properties"]["it"]["type"] for key in ("one", "two")]
    assert kinds == ["string", "integer"]


def test_a_recursive_schema_refers_to_itself() -> None:
    tree = {"$recursiveAnchor": True, "type": "object", "properties": {
        "k": NUMBER, "below": {"type": "array", "items": {"$recursiveRef": "#"}}}}  # fmt: skip
    said = posting(fields(tree=reference("Tree")), "3.1.0", Tree=tree)
    assert list(refused(said, {"tree": {"below": [{"k": "x"}]}})) == ["tree.below[0].k"]


@pytest.mark.parametrize("where", ["other.yaml#/A", "#/components/schemas/None", "#none"])
def test_a_reference_that_leads_nowhere_says_so(where: str) -> None:
    entry: dict[str, Any] = only_tool(posting({"$ref": where}, "3.1.0")).parameters["body"]
    assert where.partition("#")[2] in entry["description"]
    assert "Nothing is at" in entry["description"]
