"""Lists are followed from page to page, within bounds."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from ocp_agent import OCPAgent
from tests.ocp_agent.support import FAST, TEXT, Json, Shop, body, fields, one_operation, target


def lister(server: HTTPServer, folder: Path, *queries: str) -> Shop:
    parameters = [{"name": name, "in": "query", "schema": TEXT} for name in queries]
    return Shop(one_operation("/things", "get", parameters=parameters), server, folder)


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("cursor", lambda n, more: {"things": [n], "meta": {"links": {"next": more}}}),  # Vultr
        ("cursor", lambda n, more: {"items": [n], "next": more or None}),  # Atoll
        ("pageToken", lambda n, more: {"files": [n], "nextPageToken": more}),  # Google
        ("after", lambda n, more: {"data": [n], "next_cursor": more}),
    ],
)
def test_a_cursor_is_followed_under_the_names_that_apis_use(
    query: str, page: object, httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = lister(httpserver, tmp_path, query, "label")
    shop.answers(*[(200, page(n, more)) for n, more in ((1, "b="), (2, "c"), (3, ""))])  # type: ignore[operator]
    response = shop.agent.call_tool("it", {"label": "x"}, pages=10)
    lists = [one for one in response.json().values() if isinstance(one, list)]
    assert lists == [[1, 2, 3]]
    assert [target(request) for request in shop.seen] == [
        "/things?label=x",
        f"/things?label=x&{query}=b%3D",
        f"/things?label=x&{query}=c",
    ]
    assert response.pages is not None and not response.pages.has_more


def test_a_link_header_is_followed(httpserver: HTTPServer, tmp_path: Path) -> None:
    shop = lister(httpserver, tmp_path)
    first = Response("[1]", headers={"Link": '<?page=2>; rel="next", <?page=9>; rel="last"'})
    shop.answers(first, (200, [2]))
    assert shop.agent.call_tool("it", pages=5).json() == [1, 2]
    assert target(shop.last) == "/things?page=2"


def test_another_host_is_not_followed(httpserver: HTTPServer, tmp_path: Path) -> None:
    shop = lister(httpserver, tmp_path)
    shop.answers((200, {"items": [1], "next": "http://127.0.0.1:1/things?page=2"}))
    response = shop.agent.call_tool("it", pages=5)
    assert response.json()["items"] == [1]
    assert response.pages is not None and response.pages.has_more


def test_at_the_limit_the_answer_says_where_to_go_on(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = lister(httpserver, tmp_path, "cursor")
    shop.answers(*[(200, {"items": [n], "next": f"c{n}"}) for n in range(5)])
    response = shop.agent.call_tool("it", pages=3)
    data: Json = response.json()
    assert (data["items"], data["next"]) == ([0, 1, 2], "c2")
    assert response.pages is not None
    assert (response.pages.has_more, response.pages.stopped_by) == (True, "pages")


def test_no_more_items_are_taken_than_the_limit_allows(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = lister(httpserver, tmp_path, "cursor")
    agent = OCPAgent(limits=msgspec.structs.replace(FAST, items=4))
    agent.register_api("shop", str(tmp_path / "shop.json"), shop.spec.base_url)
    shop.answers(*[(200, {"items": [n, n], "next": f"c{n}"}) for n in range(9)])
    response = agent.call_tool("it", pages=9)
    assert response.pages is not None and response.pages.stopped_by == "items"
    assert len(shop.seen) == 2


def test_a_cursor_that_leads_in_a_circle_ends(httpserver: HTTPServer, tmp_path: Path) -> None:
    shop = lister(httpserver, tmp_path, "cursor")
    shop.answers((200, {"items": [1], "next": "same"}))
    response = shop.agent.call_tool("it", pages=9)
    assert len(shop.seen) == 2
    assert response.pages is not None and response.pages.stopped_by == "a cursor that leads back"


def test_a_page_that_fails_ends_it_and_keeps_what_there_was(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = lister(httpserver, tmp_path, "cursor")
    shop.answers((200, {"items": [1], "next": "b"}), (500, {}))
    response = shop.agent.call_tool("it", pages=9)
    assert response.json() == {"items": [1], "next": "b"}
    assert response.pages is not None and response.pages.stopped_by == "status 500"


def test_one_page_is_one_request(httpserver: HTTPServer, tmp_path: Path) -> None:
    shop = lister(httpserver, tmp_path, "cursor")
    shop.answers((200, {"items": [1], "next": "b"}))
    assert shop.agent.call_tool("it").pages is None and len(shop.seen) == 1


# -- Numbers and totals --

FOURTEEN = list(range(14))


def numbered(request: Request) -> Response:
    """Fourteen things as Genesis Cloud has them."""
    page, size = int(request.args.get("page", 1)), int(request.args.get("per_page", 5))
    told = {"total_count": 14, "page": page, "per_page": size}
    part = FOURTEEN[(page - 1) * size : page * size]
    return Response(json.dumps({"things": part, "pagination": told}))


def offset(request: Request) -> Response:
    before = int(request.args.get("offset", 0))
    return Response(json.dumps({"things": FOURTEEN[before : before + 5], "total": 14}))


def only_pages(request: Request) -> Response:
    page = int(request.args.get("page", 1))
    told = {"current_page": page, "total_pages": 3}
    return Response(json.dumps({"data": FOURTEEN[(page - 1) * 5 : page * 5], "meta": told}))


@pytest.mark.parametrize(
    ("answer", "query"), [(numbered, "page"), (offset, "offset"), (only_pages, "page")]
)
def test_pages_with_numbers_are_followed_until_the_total_is_there(
    answer: Callable[[Request], Response], query: str, httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = lister(httpserver, tmp_path, query)
    shop.answers(answer)
    response = shop.agent.call_tool("it", pages=10)
    assert next(one for one in response.json().values() if isinstance(one, list)) == FOURTEEN
    assert response.pages is not None and not response.pages.has_more
    assert (response.pages.pages, len(shop.seen)) == (3, 3)


def test_a_list_that_is_begun_in_its_middle_ends_with_its_total(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = lister(httpserver, tmp_path, "page", "per_page")
    shop.answers(numbered)
    response = shop.agent.call_tool("it", {"page": "3", "per_page": "4"}, pages=10)
    assert response.json()["things"] == FOURTEEN[8:] and len(shop.seen) == 2


@pytest.mark.parametrize(("queries", "pages", "why"), [((), 9, "no parameter"), (("page",), 2, "")])
def test_what_a_total_says_is_left_is_told(
    queries: tuple[str, ...], pages: int, why: str, httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = lister(httpserver, tmp_path, *queries)
    shop.answers(numbered)
    response = shop.agent.call_tool("it", pages=pages)
    assert response.pages is not None and response.pages.has_more
    assert why in response.pages.stopped_by


@pytest.mark.parametrize(
    "answer",
    [
        {"things": [1], "total": 250},  # of money
        {"things": [1], "meta": {"total": 14, "links": {"next": "", "prev": "a"}}},
        {"things": [], "pagination": {"total_count": 14, "page": 1, "per_page": 5}},
    ],
)
def test_a_number_that_counts_no_further_things_is_not_followed(
    answer: Json, httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = lister(httpserver, tmp_path, *(("page",) if "total" not in answer else ()))
    shop.answers((200, answer))
    response = shop.agent.call_tool("it", pages=9)
    assert response.pages is not None and not response.pages.has_more and len(shop.seen) == 1


# -- What a list says itself --


@pytest.mark.parametrize(
    ("said", "headers"),
    [
        ({"data": [{"n": 1}], "has_more": True}, {}),  # Stripe
        (
            {"items": [1], "metadata": {"continue": "abc", "remainingItemCount": 5}},
            {},
        ),  # Kubernetes
        ({"items": [1], "metadata": {"remainingItemCount": 5}}, {}),
        ({"results": [1], "has_more": True, "next_cursor": "c"}, {}),  # Notion
        ({"added": [1], "has_more": True, "next_cursor": "c"}, {}),  # Plaid
        ({"Users": [1], "IsTruncated": True, "Marker": "m"}, {}),  # AWS
        ({"Contents": [1], "IsTruncated": True, "NextContinuationToken": "t"}, {}),
        ({"Items": [1], "LastEvaluatedKey": {"id": {"S": "a"}}}, {}),
        ({"Functions": [1], "NextMarker": "m"}, {}),
        ({"logGroups": [1], "nextToken": "t"}, {}),
        ({"value": [1], "@odata.nextLink": "https://elsewhere.example.com/x"}, {}),  # Microsoft
        ({"value": [1], "@odata.count": 9}, {}),
        ({"files": [1], "nextPageToken": "t"}, {}),  # Google
        ({"incidents": [1], "more": True, "limit": 1, "offset": 0}, {}),  # PagerDuty
        ({"values": [1], "isLast": False}, {}),  # Atlassian
        ({"content": [1], "last": False, "number": 0}, {}),  # Spring
        ({"tree": [1], "truncated": True}, {}),  # GitHub
        ({"ShardIds": [1], "HasMoreShards": True}, {}),
        ({"tickets": [1], "after_cursor": "c", "end_of_stream": False}, {}),  # Zendesk
        ({"data": {"items": [1], "total_count": 5}}, {}),
        ({"items": [1], "nextLink": "https://a.example.com/x"}, {}),
        ({"items": [1], "incomplete_results": True}, {}),
        ({"records": [1], "done": False, "nextRecordsUrl": "https://a.example.com/x"}, {}),
        ({"results": [1], "paging": {"next": {"after": "2"}}}, {}),  # HubSpot
        ({"data": {"items": [1], "pageInfo": {"hasNextPage": True, "endCursor": "c"}}}, {}),
        ({"_embedded": {"users": [1]}, "_links": {"next": {"href": "https://a.example.com"}}}, {}),
        ({"droplets": [1], "links": {"pages": {"next": "https://a.example.com/x"}}}, {}),
        ({"result": [1], "result_info": {"page": 1, "per_page": 1, "total_count": 2}}, {}),
        ([1], {"Link": '<https://a.example.com/x?page=2>; rel="next last"'}),
        ([1], {"X-Next-Page": "2"}),
        ([1], {"X-Total-Count": "5"}),
    ],
)
def test_a_list_that_says_there_is_more_is_never_complete(
    said: object, headers: Json, httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = lister(httpserver, tmp_path)
    shop.answers(Response(json.dumps(said), headers=headers, content_type="application/json"))
    pages = shop.agent.call_tool("it", pages=5).pages
    assert pages is not None and pages.has_more and pages.stopped_by


@pytest.mark.parametrize(
    ("said", "headers"),
    [
        ({"data": [1], "has_more": False, "next_cursor": "c"}, {}),  # Plaid
        ({"data": {"items": [1], "pageInfo": {"hasNextPage": False, "endCursor": "c"}}}, {}),
        ({"items": [1], "metadata": {"continue": "", "remainingItemCount": 0}}, {}),
        ({"Users": [1], "IsTruncated": False, "Marker": "m"}, {}),
        ({"Items": [1]}, {}),
        ({"content": [1], "last": True}, {}),
        ({"tickets": [1], "after_cursor": "c", "end_of_stream": True}, {}),
        ({"results": [1], "next": None}, {}),
        ({"data": [1], "_links": {"next": {"href": ""}}}, {}),
        ({"data": [{"next": "x", "has_more": True}], "rate": {"remaining": 9}}, {}),
        ([1], {"Link": '<https://a.example.com/next>; rel="prev"; title="next"'}),
        ([1], {"X-Next-Page": ""}),
        ([1], {"X-Total-Count": "1"}),
    ],
)
def test_a_list_that_says_it_is_complete_is_complete(
    said: object, headers: Json, httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = lister(httpserver, tmp_path, "cursor", "page", "after")
    shop.answers(Response(json.dumps(said), headers=headers, content_type="application/json"))
    pages = shop.agent.call_tool("it", pages=5).pages
    assert pages is not None and not pages.has_more and len(shop.seen) == 1


@pytest.mark.parametrize(
    ("query", "first", "sent"),
    [
        ("starting_after", {"data": [{"id": "a"}, {"id": "b"}], "has_more": True}, "b"),
        ("continue", {"items": [1], "metadata": {"continue": "abc"}}, "abc"),
        ("Marker", {"Users": [1], "IsTruncated": True, "Marker": "m"}, "m"),
        ("continuation-token", {"Contents": [1], "NextContinuationToken": "t"}, "t"),
        ("NextToken", {"Things": [1], "NextToken": "t"}, "t"),
        ("after", {"results": [1], "paging": {"next": {"after": "2"}}}, "2"),
        (
            "after",
            {"data": {"items": [1], "pageInfo": {"hasNextPage": True, "endCursor": "c"}}},
            "c",
        ),
        ("page", {"content": [1], "last": False, "number": 0}, "1"),
        ("offset", {"incidents": [1], "more": True}, "1"),
        ("page", {"items": [1], "nextLink": "things?page=2"}, "2"),
        ("page", {"data": {"items": [1], "total_count": 5}}, "2"),
        ("$skiptoken", {"value": [1], "@odata.nextLink": "/things?%24skiptoken=s"}, "s"),
    ],
)
def test_the_rest_is_asked_for_as_the_tool_takes_it(
    query: str, first: Json, sent: str, httpserver: HTTPServer, tmp_path: Path
) -> None:
    shop = lister(httpserver, tmp_path, query)
    shop.answers((200, first), (200, {}))
    shop.agent.call_tool("it", pages=2)
    assert shop.last.args.to_dict() == {query: sent}


@pytest.mark.parametrize("media_type", ["application/json", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("name", ["start_cursor", "cursor"])
def test_a_cursor_is_sent_in_the_body_where_it_belongs(
    name: str, media_type: str, httpserver: HTTPServer, tmp_path: Path
) -> None:
    content = body(fields(filter=TEXT, **{name: TEXT}), media_type)
    shop = Shop(one_operation("/search", requestBody=content), httpserver, tmp_path)
    shop.answers(
        (200, {"results": [1], "has_more": True, "next_cursor": "c="}),
        (200, {"results": [2], "has_more": False, "next_cursor": None}),
    )
    response = shop.agent.call_tool("it", {"filter": "a b"}, pages=9)
    assert response.json()["results"] == [1, 2]
    sent = shop.last.json if "json" in media_type else shop.last.form.to_dict()
    assert sent == {"filter": "a b", name: "c="}
    assert response.pages is not None and not response.pages.has_more


def test_a_nested_list_is_joined_where_it_is(httpserver: HTTPServer, tmp_path: Path) -> None:
    shop = lister(httpserver, tmp_path, "cursor")
    shop.answers(
        (200, {"data": {"things": [1], "next_cursor": "b"}}), (200, {"data": {"things": [2]}})
    )
    assert shop.agent.call_tool("it", pages=9).json() == {"data": {"things": [1, 2]}}
