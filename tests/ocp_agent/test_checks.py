"""What a document means may be sent, and nothing else, whatever its version and its mistakes."""

import json
import time
from typing import Any

import pytest

from ocp_agent.arguments import schema_of
from tests.ocp_agent.support import (
    TEXT,
    Json,
    calling,
    fields,
    only_tool,
    posting,
    reference,
    refused,
)

NUMBER: Json = {"type": "integer"}


def ref(name: str, version: str) -> Json:
    return {"$ref": f"#/definitions/{name}"} if version == "2.0" else reference(name)


# -- Discriminators --

CAT, DOG = fields("kind", kind=TEXT, lives=NUMBER), fields("kind", kind=TEXT, bark=TEXT)
PETS = [reference("Cat"), reference("Dog")]
MAPPING = {"cat": "#/components/schemas/Cat", "dog": "Dog"}


def pets(key: str = "oneOf", mapping: Json | None = None) -> Json:
    said: Json = {"propertyName": "kind", **({"mapping": mapping} if mapping else {})}
    return {key: PETS, "discriminator": said}


@pytest.mark.parametrize("key", ["oneOf", "anyOf"])
@pytest.mark.parametrize(("mapping", "cat"), [(None, "Cat"), (MAPPING, "cat")])
def test_the_discriminator_chooses_the_branch(key: str, mapping: Json | None, cat: str) -> None:
    said = posting(pets(key, mapping), Cat=CAT, Dog=DOG)
    assert refused(said, {"kind": cat, "lives": 9}) == {}
    assert list(refused(said, {"kind": cat, "lives": "x"})) == ["lives"]
    inner = posting(fields(pets={"type": "array", "items": pets(key, mapping)}), Cat=CAT, Dog=DOG)
    assert refused(inner, {"pets": [{"kind": cat, "lives": 9}]}) == {}
    assert list(refused(inner, {"pets": [{"kind": cat, "lives": "x"}]})) == ["pets[0].lives"]


def test_a_value_that_the_mapping_lacks_is_refused_with_those_that_it_has() -> None:
    errors = refused(posting(pets(mapping=MAPPING), Cat=CAT, Dog=DOG), {"kind": "fish"})
    assert '"cat" or "dog"' in errors["kind"]
    entry = only_tool(posting(pets(mapping=MAPPING), Cat=CAT, Dog=DOG)).parameters["kind"]
    assert entry["enum"] == ["cat", "dog"] and entry["required"]


@pytest.mark.parametrize("how", ["enum", "const"])
def test_a_branch_says_its_value_itself(how: str) -> None:
    def of(value: str, **more: Json) -> Json:
        return fields("kind", kind={"enum": [value]} if how == "enum" else {"const": value}, **more)

    said = posting(pets(), "3.1.0", Cat=of("c", lives=NUMBER), Dog=of("d", bark=TEXT))
    assert refused(said, {"kind": "c", "lives": 1}) == {}
    assert list(refused(said, {"kind": "c", "lives": "x"})) == ["lives"]
    inline = [of("c", lives=NUMBER), of("d", lives=TEXT)]
    said = posting({"oneOf": inline, "discriminator": {"propertyName": "kind"}})
    assert list(refused(said, {"kind": "d", "lives": 1})) == ["lives"]


@pytest.mark.parametrize("version", ["3.0.3", "2.0"])
def test_the_discriminator_of_a_base_chooses_the_schema_that_inherits(version: str) -> None:
    base = fields("kind", kind=TEXT)
    base["discriminator"] = "kind" if version == "2.0" else {"propertyName": "kind"}
    cat = {"allOf": [ref("Pet", version), fields("lives", lives=NUMBER)]}
    lion = {"allOf": [ref("Cat", version), fields(mane=TEXT)]}
    said = posting(ref("Pet", version), version, Pet=base, Cat=cat, Lion=lion)
    assert set(only_tool(said).parameters) == {"kind", "lives", "mane"}
    assert refused(said, {"kind": "Lion", "lives": 9, "mane": "long"}) == {}
    assert list(refused(said, {"kind": "Lion", "lives": 9, "mane": 1})) == ["mane"]
    assert refused(said, {"kind": "Cat"}) == {"lives": "is required"}
    assert refused(said, {"kind": "Pet"}) == {}


def test_a_chosen_branch_may_be_composed_of_the_base_that_has_the_discriminator() -> None:
    base = fields("kind", kind=TEXT) | {
        "discriminator": {"propertyName": "kind", "mapping": {"c": "#/components/schemas/Cat"}}
    }
    cat = {"allOf": [reference("Pet"), fields(lives=NUMBER)]}
    said = posting(fields(pet={"oneOf": [reference("Cat")]}), Pet=base, Cat=cat)
    assert refused(said, {"pet": {"kind": "c", "lives": 9}}) == {}
    assert list(refused(said, {"pet": {"kind": "c", "lives": "x"}})) == ["pet"]


# -- Null --


@pytest.mark.parametrize(
    ("version", "schema"),
    [
        ("3.0.3", {"type": "object", "allOf": [reference("A")], "nullable": True}),
        ("3.0.3", {"allOf": [reference("A")], "nullable": True}),
        ("3.0.3", {**reference("A"), "nullable": True}),
        ("3.0.3", {"oneOf": [reference("A"), NUMBER], "nullable": True}),
        ("3.0.3", {"type": "string", "enum": ["x"], "nullable": True}),
        ("3.0.3", {"enum": ["x"], "nullable": True}),
        ("3.0.3", {**fields("x", x=TEXT), "nullable": True}),
        ("3.0.3", reference("N")),
        ("2.0", {"type": "string", "x-nullable": True}),
        ("2.0", {"$ref": "#/definitions/A", "x-nullable": True}),
        ("2.0", {"enum": ["x"], "x-nullable": True}),
        ("3.1.0", {"type": ["string", "null"]}),
        ("3.1.0", {"anyOf": [reference("A"), {"type": "null"}]}),
    ],
)
def test_null_is_sent_where_it_is_allowed(version: str, schema: Json) -> None:
    a, n = fields(x=TEXT), {"type": "array", "items": TEXT, "nullable": True}
    said = posting(fields(a=schema), version, A=a, N=n)
    assert calling(said, {"a": None})["body"] == {"a": None}
    assert refused(said, {"a": 1.5})


# -- What only answers have --

ID = {"type": "string", "readOnly": True}


@pytest.mark.parametrize(
    ("version", "schema"),
    [
        ("3.0.3", fields("id", "a", id=reference("Id"), a=TEXT)),
        ("3.0.3", fields("id", "a", id={"allOf": [reference("Id")]}, a=TEXT)),
        ("3.0.3", {"allOf": [fields(id=ID, a=TEXT), {"required": ["id", "a"]}]}),
        ("3.0.3", {"allOf": [reference("Own"), {"required": ["id", "a"]}]}),
        ("3.0.3", {"allOf": [{"allOf": [reference("Own")]}], "required": ["id"]}),
        ("3.1.0", {**reference("Own"), "required": ["id"]}),
        ("3.1.0", fields("id", id={"anyOf": [reference("Id"), {"type": "null"}]}, a=TEXT)),
        ("2.0", fields("id", id={"$ref": "#/definitions/Id"}, a=TEXT)),
    ],
)
def test_what_is_read_only_is_never_demanded(version: str, schema: Json) -> None:
    schemas = {"Id": ID, "Own": fields("id", id=ID, a=TEXT)}
    said = posting(schema, version, **schemas)
    assert list(only_tool(said).parameters) == ["a"]
    assert refused(said, {"a": "1"}) == {}
    within = posting(
        fields(one=schema, many={"type": "array", "items": schema}), version, **schemas
    )
    assert refused(within, {"one": {"a": "1"}, "many": [{"a": "2"}]}) == {}
    shown = only_tool(within).parameters["one"]
    assert "id" not in str(shown.get("properties", shown.get("schema")))


def test_what_is_write_only_is_sent_and_not_among_the_answers() -> None:
    secret = {"type": "string", "writeOnly": True}
    said = posting(fields("secret", "a", secret=reference("Secret"), a=TEXT), Secret=secret)
    post = said["paths"]["/x"]["post"]
    post["responses"] = {"200": {"content": post["requestBody"]["content"]}}
    tool = only_tool(said)
    assert refused(said, {"a": "1"}) == {"secret": "is required"}
    assert tool.response_schema is not None
    assert (list(tool.response_schema["properties"]), tool.response_schema["required"]) == (
        ["a"], ["a"],
    )  # fmt: skip


# -- What is required, and what is closed --


@pytest.mark.parametrize(
    "schema",
    [
        fields("team", a=TEXT),
        {"allOf": [fields(a=TEXT), {"required": ["team"]}]},
        {"allOf": [reference("Base")], "required": ["team"]},
        fields("team", a=TEXT) | {"additionalProperties": False},
        {"allOf": [fields(a=TEXT) | {"additionalProperties": False}, {"required": ["team"]}]},
    ],
)
def test_what_is_required_may_be_given_also_if_it_is_nowhere_declared(schema: Json) -> None:
    said = posting(schema, Base=fields(a=TEXT))
    assert only_tool(said).parameters["team"]["required"]
    for value in ("t", 1, [None], {"any": "thing"}):
        assert calling(said, {"a": "1", "team": value})["body"] == {"a": "1", "team": value}
    assert refused(said, {"a": "1"}) == {"team": "is required"}
    within = posting(fields(it=schema), Base=fields(a=TEXT))
    assert refused(within, {"it": {"team": 1}}) == {}


def closed(**properties: Json) -> Json:
    return fields(**properties) | {"additionalProperties": False}


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [closed(a=TEXT), closed(b=TEXT)]},
        {"allOf": [reference("A"), reference("B")]},
        {"allOf": [reference("A")], **closed(b=TEXT)},
        {"allOf": [{"allOf": [reference("A")]}, fields(b=TEXT)]},
    ],
)
def test_closed_parts_make_a_closed_whole(schema: Json) -> None:
    said = posting(fields(it=schema), A=closed(a=TEXT), B=closed(b=TEXT))
    assert refused(said, {"it": {"a": "1", "b": "2"}}) == {}
    assert refused(said, {"it": {"a": "1", "c": "3"}}) and refused(said, {"it": {"a": 1}})
    alone = posting(fields(it=reference("A")), A=closed(a=TEXT))
    assert refused(alone, {"it": {"b": "2"}})


# -- Keywords that are wrong --


@pytest.mark.parametrize(
    "wrong",
    [
        {"$recursiveAnchor": True}, {"$anchor": 5}, {"$vocabulary": 1}, {"$comment": 7},
        {"pattern": "(?<bad"}, {"pattern": "\\p{Nope}"}, {"pattern": 5}, {"title": 5},
        {"patternProperties": {"(": TEXT}}, {"properties": []}, {"properties": {"x": "text"}},
        {"required": True}, {"required": ["a", "a"]}, {"required": "a"}, {"enum": "abc"},
        {"enum": []}, {"minimum": "1"}, {"maximum": True}, {"exclusiveMinimum": True},
        {"exclusiveMaximum": "5"}, {"multipleOf": 0}, {"minLength": -1}, {"maxLength": "9"},
        {"maxItems": 1.5}, {"uniqueItems": "yes"}, {"type": "any"}, {"type": "file"}, {"type": []},
        {"type": ["integer", "integer"]}, {"format": 5}, {"items": "text"}, {"items": 5},
        {"additionalProperties": "false"}, {"allOf": {}}, {"oneOf": []}, {"anyOf": "x"},
        {"not": "x"}, {"if": 1}, {"deprecated": "soon"}, {"description": {}}, {"default": "x"},
        {"dependentRequired": []}, {"dependencies": {"a": "b"}}, {"discriminator": 5},
        {"discriminator": {"propertyName": 5, "mapping": []}}, {"nullable": "yes"},
        {"contentEncoding": 5}, {"examples": {}}, {"definitions": 1}, {"$defs": 5}, {"$schema": 1},
    ],
)  # fmt: skip
def test_a_keyword_that_is_wrong_costs_nothing_but_itself(wrong: Json) -> None:
    it = {"type": "integer", **wrong}
    said = posting(fields("m", it=it, m={"type": "integer", "maximum": 5}), "3.1.0")
    said["paths"]["/x/{id}"] = said["paths"].pop("/x")
    assert refused(said, {"id": "1", "it": 7, "m": 5}) == {}
    assert set(refused(said, {"it": 7, "m": 6})) == {"id", "m"} or "path" in str(
        refused(said, {"it": 7, "m": 6})
    )
    if "type" not in wrong:
        assert list(refused(said, {"id": "1", "it": "x", "m": 1})) == ["it"]
    assert isinstance(only_tool(said).input_schema["properties"]["it"], dict)


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0", "2.0"])
def test_an_exclusive_edge_is_a_flag_or_a_number(version: str) -> None:
    edge: Any = 0 if version == "3.1.0" else True
    said = posting(fields(n={"type": "number", "minimum": 0, "exclusiveMinimum": edge}), version)
    assert refused(said, {"n": 0.1}) == {} and list(refused(said, {"n": 0})) == ["n"]


def test_compositions_that_explode_are_read_in_time() -> None:
    schemas: Json = {
        f"L{n}": {
            "anyOf": [reference(f"L{n + 1}"), reference(f"L{n + 1}")],
            "properties": {f"p{n}": ID, "kind": TEXT},
            "required": [f"p{n}"],
            "discriminator": {"propertyName": "kind"},
        }
        for n in range(40)
    }
    tool = only_tool(posting(reference("L0"), L40=fields("end", end=TEXT), **schemas))
    began = time.process_time()
    assert len(json.dumps(schema_of(tool))) < 40_000 and "kind" in tool.parameters
    assert time.process_time() - began < 2


def test_properties_of_one_name_in_several_branches_are_shown_as_what_they_are() -> None:
    first = fields(n={**NUMBER, "description": "One."}, size={"enum": ["s"]}, same=TEXT)
    second = fields(n={**NUMBER, "description": "Other."}, size={"enum": ["l"]}, same=TEXT)
    entries = only_tool(posting({"oneOf": [first, second]})).parameters
    assert (entries["n"]["type"], entries["n"]["description"]) == ("integer", "One.")
    assert entries["size"]["schema"] == {"anyOf": [{"enum": ["s"]}, {"enum": ["l"]}]}
    assert entries["same"]["type"] == "string" and "schema" not in entries["same"]
