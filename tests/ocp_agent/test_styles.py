"""Values are encoded first and then joined, in every style and place that OpenAPI has."""

from typing import Any

import pytest

from ocp_agent.arguments import checked_arguments
from ocp_agent.requests import written as written_request
from tests.ocp_agent.support import TEXT, Json, calling, one_operation, only_tool, refused

LIST = ["blue", "bl,ack", "a b"]
OBJECT = {"R": 100, "G": "2;0"}
EMPTY: Json = {}


def written(place: str, style: str | None, explode: bool | None, value: Any, **more: Any) -> Json:
    said = {"style": style, "explode": explode, **more}
    parameter = {"name": "color", "in": place, **{k: v for k, v in said.items() if v is not None}}
    path = "/x/{color}/y" if place == "path" else "/x"
    return calling(
        one_operation(path, "get", parameters=[{"schema": EMPTY, **parameter}]), {"color": value}
    )


def path_of(planned: Json) -> str:
    return str(planned["url"]).removeprefix("https://shop.example.com")


@pytest.mark.parametrize(
    ("style", "explode", "value", "sent"),
    [
        ("simple", False, "a/b", "a%2Fb"),
        ("simple", False, LIST, "blue,bl%2Cack,a%20b"),
        ("simple", True, LIST, "blue,bl%2Cack,a%20b"),
        ("simple", False, OBJECT, "R,100,G,2%3B0"),
        ("simple", True, OBJECT, "R=100,G=2%3B0"),
        ("label", False, "blue", ".blue"),
        ("label", False, LIST, ".blue,bl%2Cack,a%20b"),
        ("label", True, LIST, ".blue.bl%2Cack.a%20b"),
        ("label", False, OBJECT, ".R,100,G,2%3B0"),
        ("label", True, OBJECT, ".R=100.G=2%3B0"),
        ("matrix", False, "", ";color"),
        ("matrix", False, "blue", ";color=blue"),
        ("matrix", False, LIST, ";color=blue,bl%2Cack,a%20b"),
        ("matrix", True, LIST, ";color=blue;color=bl%2Cack;color=a%20b"),
        ("matrix", False, OBJECT, ";color=R,100,G,2%3B0"),
        ("matrix", True, OBJECT, ";R=100;G=2%3B0"),
    ],
)
def test_the_styles_of_paths(style: str, explode: bool, value: Any, sent: str) -> None:
    assert path_of(written("path", style, explode, value)) == f"/x/{sent}/y"


@pytest.mark.parametrize(
    ("style", "explode", "value", "sent"),
    [
        ("form", True, "", "color="),
        ("form", True, "a&b=c+d", "color=a%26b%3Dc%2Bd"),
        ("form", False, LIST, "color=blue,bl%2Cack,a%20b"),
        ("form", True, LIST, "color=blue&color=bl%2Cack&color=a%20b"),
        ("form", False, OBJECT, "color=R,100,G,2%3B0"),
        ("form", True, OBJECT, "R=100&G=2%3B0"),
        ("form", True, [], ""),
        ("form", False, [], ""),
        ("form", True, ["a", None], "color=a"),
        ("form", True, [True, 1.5, {"a": 1}], "color=true&color=1.5&color=%7B%22a%22%3A1%7D"),
        ("spaceDelimited", False, ["a", "b c"], "color=a%20b%20c"),
        ("spaceDelimited", False, OBJECT, "color=R%20100%20G%202%3B0"),
        ("spaceDelimited", True, ["a", "b"], "color=a&color=b"),
        ("pipeDelimited", False, ["a", "b,c"], "color=a%7Cb%2Cc"),
        ("pipeDelimited", False, ["a", "b|c"], "color=a|b%7Cc"),
        ("pipeDelimited", True, ["a", "b"], "color=a&color=b"),
        ("deepObject", True, {"a": {"b": 1}}, "color%5Ba%5D%5Bb%5D=1"),
        ("deepObject", None, {"a": [1, 2]}, "color%5Ba%5D%5B%5D=1&color%5Ba%5D%5B%5D=2"),
        ("deepObject", True, ["a"], "color%5B%5D=a"),
        ("deepObject", True, {"a": [{"b": 1}]}, "color%5Ba%5D%5B0%5D%5Bb%5D=1"),
        ("deepObject", True, {"a": None, "b": 1}, "color%5Bb%5D=1"),
    ],
)
def test_the_styles_of_queries(style: str, explode: bool | None, value: Any, sent: str) -> None:
    assert path_of(written("query", style, explode, value)) == (f"/x?{sent}" if sent else "/x")


def test_reserved_characters_stay_where_they_may_but_end_no_query() -> None:
    planned = written("query", None, None, "a/b?c:d@e,f%2Fg 100%&x#y", allowReserved=True)
    assert path_of(planned) == "/x?color=a/b?c:d@e,f%2Fg%20100%25%26x%23y"
    assert path_of(written("query", None, None, "a/b:c")) == "/x?color=a%2Fb%3Ac"


@pytest.mark.parametrize(("explode", "sent"), [(False, "R,100,G,2;0"), (True, "R=100,G=2;0")])
def test_the_style_of_headers(explode: bool, sent: str) -> None:
    def header(value: Any) -> str:
        return str(written("header", None, explode, value)["headers"]["color"])

    assert header(OBJECT) == sent
    assert header(["a", "b,c"]) == "a,b%2Cc"
    assert header('W/"a, b"') == 'W/"a, b"'


@pytest.mark.parametrize(
    ("style", "explode", "value", "sent"),
    [
        ("form", True, "a;b", "color=a%3Bb"),
        ("form", False, ["a", "b,c"], "color=a,b%2Cc"),
        ("form", True, ["a", "b"], "color=a; color=b"),
        ("cookie", False, "a%3D|b", "color=a%3D|b"),
    ],
)
def test_the_styles_of_cookies(style: str, explode: bool, value: Any, sent: str) -> None:
    parameter = {
        "name": "color",
        "in": "cookie",
        "schema": EMPTY,
        "style": style,
        "explode": explode,
    }
    said = one_operation("/x", "get", parameters=[parameter]) | {"openapi": "3.2.0"}
    assert cookie_of(said, {"color": value}) == sent


def cookie_of(said: Json, given: Json) -> str:
    tool = only_tool(said)
    return written_request(tool, checked_arguments(tool, given), "http://x").headers["Cookie"]


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ("csv", "color=a,b%2Cc"), ("ssv", "color=a%20b%2Cc"), ("tsv", "color=a%09b%2Cc"),
        ("pipes", "color=a%7Cb%2Cc"), ("multi", "color=a&color=b%2Cc"), (None, "color=a,b%2Cc"),
    ],
)  # fmt: skip
def test_the_formats_of_collections_of_swagger_2(form: str | None, sent: str) -> None:
    array = {"type": "array", "items": TEXT, "collectionFormat": form}
    parameter = {"name": "color", "in": "query", **{k: v for k, v in array.items() if v}}
    get = {"operationId": "it", "parameters": [parameter], "responses": {}}
    said = {"swagger": "2.0", "paths": {"/x": {"get": get}}}
    assert path_of(calling(said, {"color": ["a", "b,c"]})) == f"/x?{sent}"


def test_a_parameter_with_a_media_type_is_written_in_it() -> None:
    for media_type, value, sent in (
        ("application/json", {"a": 1}, "%7B%22a%22%3A1%7D"),
        ("application/json", "a", "%22a%22"),
        ("text/plain", "a b", "a%20b"),
    ):
        parameter = {"name": "q", "in": "query", "content": {media_type: {"schema": EMPTY}}}
        said = one_operation("/x", "get", parameters=[parameter])
        assert path_of(calling(said, {"q": value})) == f"/x?q={sent}"


# -- Addresses --


@pytest.mark.parametrize(
    ("path", "given", "sent"),
    [
        ("/items#v=1", {"q": "7"}, "/items?q=7"),
        ("/#Action=Describe", {"q": "7"}, "/?q=7"),
        ("/items?kind=a", {"q": "7"}, "/items?kind=a&q=7"),
        ("/items?kind={kind}#x{y}", {"kind": "a&b"}, "/items?kind=a%26b"),
        ("/files/{+path}", {"path": "a/b c?"}, "/files/a/b%20c%3F"),
        ("/proxy/{+url}", {"url": "https://x.example.com/a"}, "/proxy/https://x.example.com/a"),
        ("items", {}, "/items"),
    ],
)
def test_queries_and_fragments_in_paths(path: str, given: Json, sent: str) -> None:
    said = one_operation(path, "get", parameters=[{"name": "q", "in": "query", "schema": TEXT}])
    assert path_of(calling(said, given)) == sent


@pytest.mark.parametrize("value", ["../a", "a/../b", ".", "", "a/."])
def test_a_path_with_slashes_leads_nowhere_else(value: str) -> None:
    said = one_operation("/files/{+path}", "get")
    assert list(refused(said, {"path": value})) == ["path"]


@pytest.mark.parametrize("value", [["."], [".."], "..", ""])
def test_no_style_makes_a_segment_that_clients_remove(value: Any) -> None:
    parameter = {"name": "p", "in": "path", "schema": EMPTY}
    said = one_operation("/x/{p}", "get", parameters=[parameter])
    assert list(refused(said, {"p": value})) == ["p"]
