"""Arguments as models and people give them: nulls, whole numbers, media types, wrong documents."""

import json
from typing import Any

import pytest

from ocp_agent import InvalidArguments, OCPAgent
from tests.ocp_agent.support import (
    TEXT,
    Json,
    body,
    calling,
    document,
    fields,
    one_operation,
    only_tool,
    posting,
    reference,
    refused,
)

NUMBER: Json = {"type": "integer"}
ANY: Json = {}
MAYBE: Json = {"type": ["string", "null"]}


# -- None --


def test_none_leaves_an_optional_argument_out_wherever_it_is() -> None:
    places = [
        {"name": f"in_{place}", "in": place, "schema": TEXT}
        for place in ("query", "header", "cookie")
    ]
    fields_of_body = fields(
        a=TEXT, any=ANY, ref=reference("Name"), many={"type": "array"}, maybe=MAYBE
    )
    said = one_operation("/x", parameters=places, requestBody=body(fields_of_body))
    said["components"] = {"schemas": {"Name": TEXT}}
    given = {"in_query": None, "in_header": None, "in_cookie": None, "a": None, "any": None,
             "ref": None, "many": None, "maybe": None}  # fmt: skip
    planned = calling(said, given)
    assert (planned["url"], planned["body"]) == ("https://shop.example.com/x", {"maybe": None})
    assert not {"in_header", "Cookie"} & planned["headers"].keys()


@pytest.mark.parametrize(
    "schema", [TEXT, {"type": "array", "items": TEXT}, {"oneOf": [TEXT, NUMBER]}, ANY]
)
def test_none_leaves_a_whole_body_out(schema: Json) -> None:
    said = one_operation("/x", requestBody=body(schema))
    assert calling(said, {"body": None})["body"] is None
    assert "Content-Type" not in calling(said, {"body": None})["headers"]


def test_none_for_a_property_that_the_body_takes_besides() -> None:
    more = fields(a=TEXT) | {"additionalProperties": TEXT}
    assert calling(posting(more), {"a": "1", "b": None})["body"] == {"a": "1"}


def test_none_for_what_is_required_is_an_error() -> None:
    assert list(refused(posting(fields("a", a=TEXT)), {"a": None})) == ["a"]


# -- Whole numbers --

TREE: Json = {"type": "object", "properties": {"n": NUMBER, "below": {"type": "array"}}}


def test_whole_numbers_are_integers_in_every_place() -> None:
    TREE["properties"]["below"]["items"] = reference("Tree")
    places = [
        {"name": name, "in": place, "schema": schema}
        for name, place, schema in (
            ("p", "path", NUMBER), ("q", "query", {"type": "array", "items": NUMBER}),
            ("h", "header", {"anyOf": [NUMBER, TEXT]}), ("size", "query", {"type": "number"}),
        )
    ]  # fmt: skip
    content = body(fields(
        big=NUMBER, zero=NUMBER, pick={"enum": [1, 2]}, tree=reference("Tree"), free=ANY,
        half={"type": "number"}, both={"allOf": [{"type": "integer"}, {"maximum": 9}]},
        named={"type": "object", "additionalProperties": NUMBER},
        maybe={"oneOf": [NUMBER, {"type": "null"}]},
        pair={"type": "array", "prefixItems": [NUMBER]},
    ))  # fmt: skip
    said = one_operation("/x/{p}", parameters=places, requestBody=content)
    said["components"] = {"schemas": {"Tree": TREE}}
    given = {
        "p": 2.0, "q": [1.0, 2.0], "h": 3.0, "size": 1.5, "big": 1e21, "zero": -0.0, "pick": 2.0,
        "tree": {"n": 1.0, "below": [{"n": 2.0}]}, "half": 0.5, "both": 3.0, "named": {"k": 4.0},
        "free": {"f": 1.5}, "maybe": 5.0, "pair": [6.0, 7.5],
    }  # fmt: skip
    planned = calling(said, given)
    assert planned["url"] == "https://shop.example.com/x/2?q=1&q=2&size=1.5"
    assert planned["headers"]["h"] == "3"
    sent = planned["body"]
    assert repr(sent["tree"]) == "{'n': 1, 'below': [{'n': 2}]}"
    assert [repr(sent[key]) for key in ("big", "zero", "pick", "half", "both", "maybe")] == [
        "1000000000000000000000", "0", "2", "0.5", "3", "5",
    ]  # fmt: skip
    assert (repr(sent["named"]), repr(sent["pair"])) == ("{'k': 4}", "[6, 7.5]")


def test_a_float_that_is_not_whole_is_no_integer() -> None:
    assert list(refused(posting(fields(n=NUMBER)), {"n": 1.5})) == ["n"]


# -- Media types --

PATCHES = ["application/json-patch+json", "application/merge-patch+json",
           "application/strategic-merge-patch+json"]  # fmt: skip
XML, MULTIPART = "application/xml", "multipart/form-data"


def patching(*media_types: str, schema: Json | None = None) -> Json:
    content = {one: {"schema": schema or {"type": "object"}} for one in media_types}
    return one_operation("/x", "patch", requestBody={"required": True, "content": content})


def sent_as(said: Json, given: Json, **options: Any) -> str:
    return str(calling(said, given, **options)["headers"]["Content-Type"])


@pytest.mark.parametrize("order", [PATCHES, PATCHES[::-1]])
@pytest.mark.parametrize("schema", [{"type": "object"}, {"description": "A patch."}])
def test_the_shape_of_a_patch_chooses_its_media_type(order: list[str], schema: Json) -> None:
    said = patching(*order, schema=schema)
    changes = [{"op": "remove", "path": "/a"}]
    assert "merge-patch" in sent_as(said, {"body": {"spec": {"replicas": 1}}})
    assert sent_as(said, {"body": changes}) == PATCHES[0]
    assert sent_as(said, {"body": changes}, content_type=PATCHES[0]) == PATCHES[0]


def test_a_json_patch_is_a_list_whatever_the_document_says() -> None:
    said = patching(PATCHES[0])
    assert calling(said, {"body": [{"op": "add", "path": "/a", "value": 1}]})["body"]
    assert list(refused(said, {"body": {"a": 1}})) == ["body"]
    assert list(refused(said, {"body": [{"path": "/a"}]})) == ["body[0].op"]


def test_the_caller_chooses_the_media_type() -> None:
    said = patching(*PATCHES)
    assert sent_as(said, {"body": {}}, content_type=PATCHES[2]) == PATCHES[2]
    assert calling(said, {"body": []}, headers={"content-type": PATCHES[0]})["body"] == []
    assert sent_as(said, {"body": {}, "content_type": PATCHES[2]}) == PATCHES[2]
    with pytest.raises(InvalidArguments, match="content_type: must be one of application/json-pa"):
        calling(said, {"body": {}}, content_type="text/csv")


def test_text_is_sent_in_the_media_type_that_is_text() -> None:
    content = {"application/json": {"schema": fields("a", a=TEXT)}, XML: {"schema": fields(a=TEXT)}}
    said = one_operation("/x", requestBody={"required": True, "content": content})
    assert sent_as(said, {"a": "1"}) == "application/json"
    assert sent_as(said, {"body": "<a/>"}) == XML
    assert calling(said, {"body": "<a/>"})["body"] == "<a/>"
    assert sent_as(said, {"body": "<a/>"}, content_type=XML) == XML
    assert sent_as(said, {"body": "<a/>"}, content_type=f"{XML}; charset=utf-8").endswith("utf-8")


def test_xml_is_text_whatever_its_schema_and_never_made_of_objects() -> None:
    said = one_operation("/x", requestBody=body(fields("a", a=TEXT), XML, required=True))
    assert calling(said, {"body": "<a/>"})["body"] == "<a/>"
    assert "sent as application/xml" in refused(said, {"body": {"a": "1"}})["body"]
    assert refused(said, {}) == {"body": "is required"}


def test_a_file_or_a_field_chooses_the_form_that_has_it() -> None:
    form = fields(note=TEXT, file={"type": "string", "format": "binary"})
    content = {"application/json": {"schema": fields(note=TEXT)}, MULTIPART: {"schema": form}}
    said = one_operation("/x", requestBody={"content": content})
    assert sent_as(said, {"note": "n"}) == "application/json"
    assert calling(said, {"note": "n", "file": b"x"})["body"] == ["file", "note"]
    assert calling(said, {"file": "text"})["body"] == ["file"]
    form_only = calling(said, {"note": "n"}, content_type=MULTIPART)
    assert form_only["body"] == ["note"]


def test_swagger_2_offers_what_it_consumes() -> None:
    parameter = {"name": "whole", "in": "body", "schema": fields(a=TEXT)}
    post = {"operationId": "it", "parameters": [parameter], "consumes": ["application/json", XML]}
    said = {"swagger": "2.0", "paths": {"/x": {"post": post}}}
    assert sent_as(said, {"a": "1"}) == "application/json"
    assert sent_as(said, {"body": "<a/>"}) == XML


# -- Documents that are wrong --


def test_an_unchecked_call_sends_what_it_is_given() -> None:
    shut = fields("a", a=TEXT) | {"additionalProperties": False}
    said = posting(shut)
    given = {"a": None, "more": [1]}
    assert set(refused(said, given)) == {"a", "more"}
    assert calling(said, given, check=False)["body"] == given
    get = one_operation("/x/{id}", "get")
    url = calling(get, {"id": "1", "q": ["a", "b"], "none": None}, check=False)["url"]
    assert url == "https://shop.example.com/x/1?q=a&q=b"


@pytest.mark.parametrize("given", [{}, {"id": ".."}, {"id": ""}])
def test_an_unchecked_call_needs_its_path(given: Json) -> None:
    with pytest.raises(InvalidArguments, match="id: "):
        calling(one_operation("/x/{id}", "get"), given, check=False)


def test_an_api_may_be_registered_unchecked(tmp_path: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps(posting(fields("a", a=TEXT))))
    agent = OCPAgent()
    agent.register_api("a", str(tmp_path / "a.json"), "http://127.0.0.1:1", check=False)
    assert agent.call_tool("it", {"a": 1}, dry_run=True).json()["body"] == {"a": 1}
    with pytest.raises(InvalidArguments, match="a: 1 is not of type"):
        agent.call_tool("it", {"a": 1}, dry_run=True, check=True)


def test_an_option_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="chek"):
        calling(posting(fields(a=TEXT)), {}, chek=False)


# -- What is asked for --


@pytest.mark.parametrize(
    ("answers", "accept"),
    [
        ({"200": {"content": {XML: {}, "application/json": {}}}},
         f"application/json, {XML};q=0.5, */*;q=0.1"),
        ({"200": {"content": {"text/csv": {}}},
          "default": {"content": {"application/problem+json": {}}}},
         "application/problem+json, text/csv, */*;q=0.1"),
        ({"200": {"$ref": "#/components/responses/Ok"}}, "application/json, */*;q=0.1"),
        ({"200": {"content": {"application/json; charset=utf-8": {}, "application/json": {}}}},
         "application/json, */*;q=0.1"),
        ({"200": {"content": {"bad\r\nX: 1": {}, "*/*": {}}}}, "*/*"),
        ({"204": {"description": "Done."}}, "*/*"),
        ([], "*/*"),
    ],
)  # fmt: skip
def test_accept_names_the_answers_of_the_operation_json_first(answers: Any, accept: str) -> None:
    said = one_operation("/x", "get") | {"components": {
        "responses": {"Ok": {"content": {"application/json": {}}}}}}  # fmt: skip
    said["paths"]["/x"]["get"]["responses"] = answers
    assert calling(said, {})["headers"]["Accept"] == accept
    assert "Accept" not in calling(said, {}, headers={"accept": XML})["headers"]


def test_accept_of_swagger_2_is_what_it_produces() -> None:
    said = {"swagger": "2.0", "produces": [XML, "application/json"],
            "paths": {"/x": {"get": {"operationId": "it", "responses": {}}}}}  # fmt: skip
    assert calling(said, {})["headers"]["Accept"].startswith("application/json, application/xml")
    assert only_tool(document({"/x": {"get": {"operationId": "it"}}})).shape.accept == "*/*"
