"""The names and the behavior of ocp-agent 0.3.0, which programs rely on."""

import json
from pathlib import Path
from typing import Any

import pytest

from ocp_agent import (
    AgentContext,
    OCPAPISpec,
    OCPHeaders,
    OCPRegistry,
    OCPStorage,
    OCPTool,
    SchemaDiscoveryError,
    add_context_headers,
    create_ocp_headers,
    extract_context_from_response,
    headers,
    schema_discovery,
    validation,
)
from ocp_agent.discovery import OCPSchemaDiscovery
from tests.ocp_agent.support import document

CONTEXT = AgentContext(agent_type="tester", user="ann", current_goal="try")


class WithHeaders:
    def __init__(self) -> None:
        self.headers: dict[str, str] = {}


class LikeDjango(dict[str, str]):
    pass


def made_by_hand(name: str = "listThings") -> OCPAPISpec:
    tool = OCPTool(name, "Lists things", "GET", "/things", {"q": {"type": "string"}})
    return OCPAPISpec(
        title="Shop", version="2", base_url="https://shop.example.com", description="Sells things",
        tools=[tool], raw_spec={"openapi": "3.0.0"},
    )  # fmt: skip


def test_the_modules_and_constants_have_their_names() -> None:
    assert schema_discovery.OCPSchemaDiscovery is OCPSchemaDiscovery
    assert (schema_discovery.OCPTool, schema_discovery.OCPAPISpec) == (OCPTool, OCPAPISpec)
    sent = OCPHeaders.encode_context(AgentContext(user="a", workspace="w", current_goal="g"))
    assert set(sent) == {
        headers.OCP_CONTEXT_ID, headers.OCP_SESSION, headers.OCP_AGENT_TYPE, headers.OCP_USER,
        headers.OCP_CURRENT_GOAL, headers.OCP_WORKSPACE, headers.OCP_VERSION,
    }  # fmt: skip
    assert sent[headers.OCP_VERSION] == "1.0"


def test_an_api_made_by_hand_has_its_document_and_can_be_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = made_by_hand()
    assert spec.raw_spec == {"openapi": "3.0.0"}
    storage = OCPStorage(tmp_path / "ocp")
    assert storage.cache_dir.is_dir() and storage.sessions_dir.is_dir()
    assert storage.cache_api("shop", spec, {"category": "trade"})
    (tmp_path / "new").touch()  # the folder of the program is not the source of the API
    cached = storage.get_cached_api("shop")
    assert cached is not None
    assert (cached.title, cached.version, cached.base_url) == ("Shop", "2", spec.base_url)
    assert [tool.name for tool in cached.tools] == ["listThings"]
    assert storage.list_cached_apis() == ["shop"]
    assert [one["category"] for one in storage.search_cache("SELLS")] == ["trade"]
    assert storage.search_cache("nothing") == []
    kept = json.loads((storage.cache_dir / "shop.json").read_text())
    assert (kept["api_name"], kept["title"]) == ("shop", "Shop")


def test_a_session_is_listed_with_its_context(tmp_path: Path) -> None:
    storage = OCPStorage(tmp_path)
    assert storage.save_session("one", CONTEXT)
    (listed,) = storage.list_sessions()
    assert (listed["id"], listed["context_id"]) == ("one", CONTEXT.context_id)
    kept = json.loads((storage.sessions_dir / "one.json").read_text())
    assert (kept["session_id"], kept["agent_type"], kept["user"]) == ("one", "tester", "ann")
    loaded = storage.load_session("one")
    assert loaded is not None and loaded.context_id == CONTEXT.context_id


@pytest.mark.parametrize("response", [WithHeaders(), LikeDjango(), {}])
def test_the_context_is_written_into_a_response(response: Any) -> None:
    assert add_context_headers(response, CONTEXT, compress=False) is response
    written = response if isinstance(response, dict) else response.headers
    assert OCPHeaders.decode_context(written) is not None


@pytest.mark.parametrize("response", [None, object(), 5, "text"])
def test_what_takes_no_headers_is_refused(response: Any) -> None:
    with pytest.raises(TypeError, match="Unsupported response type"):
        add_context_headers(response, CONTEXT)


def test_headers_are_added_to_others_and_read_from_any_response() -> None:
    base = {"Authorization": "Bearer k"}
    made = create_ocp_headers(CONTEXT, base)
    assert made["Authorization"] == "Bearer k" and made["OCP-Context-ID"] == CONTEXT.context_id
    assert list(base) == ["Authorization"]
    assert extract_context_from_response(object()) is None
    summary = OCPHeaders.get_context_summary(made)
    assert CONTEXT.context_id in summary and "tester" in summary


def test_the_result_of_a_validation_is_a_list_and_a_sentence() -> None:
    assert str(validation.ValidationResult(True)) == "Valid OCP context"
    wrong = validation.ValidationResult(False, ["One", "Two"])
    assert (str(wrong), wrong.errors, bool(wrong)) == (
        "Invalid OCP context: One; Two", ["One", "Two"], False,
    )  # fmt: skip


@pytest.mark.parametrize("nothing", [None, "text", 5, []])
def test_what_is_no_context_is_invalid_and_does_not_raise(nothing: Any) -> None:
    result = validation.validate_context_dict(nothing)
    assert not result.valid and result.errors
    assert not validation.validate_context(None)


def test_a_context_is_mended_as_a_context() -> None:
    mended, result = validation.validate_and_fix_context(CONTEXT)
    assert isinstance(mended, AgentContext) and result.valid
    assert (mended.agent_type, mended.user) == ("tester", "ann")


def test_the_schema_has_its_id_and_tells_what_its_fields_are() -> None:
    schema = validation.get_schema()
    assert schema == validation.OCP_CONTEXT_SCHEMA
    assert schema["$id"] == "https://opencontextprotocol.org/schemas/ocp-context.json"
    assert schema["title"] == "OCP Context Object"
    assert "description" in schema["properties"]["agent_type"]


@pytest.mark.parametrize("url", ["not a url", "ftp://x.example.com", "http://", "/registry"])
def test_a_registry_has_an_address(url: str) -> None:
    with pytest.raises(ValueError, match="Invalid registry URL"):
        OCPRegistry(url)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.json", None, "File not found"),
        ("a.json", "{not json", "Invalid JSON"),
        ("a.yaml", "a: b: c: [", "Invalid YAML"),
        ("a.yml", "{", "Invalid YAML"),
    ],
)
def test_the_words_of_errors_about_documents(
    name: str, content: str | None, words: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(SchemaDiscoveryError, match=words):
        OCPSchemaDiscovery().discover_api(tmp_path / name)


def test_a_file_is_one_document_however_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(document({})))
    monkeypatch.chdir(tmp_path)
    discovery = OCPSchemaDiscovery()
    names = (
        "a.json",
        "./a.json",
        str(tmp_path / "a.json"),
        f"file://{tmp_path}/a.json",
        "~/a.json",
    )
    for name in names:
        discovery.discover_api(name)
    assert len(discovery.cached_specs) == 1


def test_the_summary_of_a_conversation() -> None:
    context = AgentContext()
    assert context.get_conversation_summary() == "New conversation"
    context.set_error_context("Broken", "main.py")
    assert "Working on: main.py" in context.get_conversation_summary()
    context.update_goal("Mend it")
    assert context.session["interaction_count"] == 1
    assert "Goal: Mend it" in context.get_conversation_summary()


def test_metadata_may_have_a_key_and_no_secret() -> None:
    context = AgentContext()
    context.add_interaction("a", "b", "c", {"key": "value", "api_key": "hidden"})
    assert context.history[0]["metadata"] == {"key": "value", "api_key": "***"}
