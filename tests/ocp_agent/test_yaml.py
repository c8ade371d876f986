"""YAML is read as YAML 1.2, and whatever cannot be read is refused with a reason."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from ocp_agent import OCPAgent, SchemaDiscoveryError
from ocp_agent.document import read_document
from ocp_agent.yamls import value_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"), ("on", "on"), ("off", "off"), ("yes", "yes"), ("y", "y"),
        ("true", True), ("True", True), ("FALSE", False), ("'true'", "true"),
        ("22:30", "22:30"), ("190:20:30", "190:20:30"), ("1_000", "1_000"),
        ("0o17", 15), ("017", 17), ("0x1F", 31), ("0b11", "0b11"), ("+12", 12), ("-0", 0),
        ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0), ("1.5.0", "1.5.0"), (".inf", None),
        ("2022-01-02", "2022-01-02"), ("2022-13-45", "2022-13-45"), ("2001-12-14t21:59:43Z",) * 2,
        ("", None), ("~", None), ("Null", None), ("'null'", "null"), ("=", "="),
        ("!!str 1", "1"), ("!!int '3'", 3), ("!!timestamp 2020-01-01", "2020-01-01"),
        ("!vendor 5", "5"), ("!!binary aGk=", "aGk="), ("|\n  NO\n", "NO\n"),
    ],
)  # fmt: skip
def test_a_value_is_what_yaml_1_2_says(text: str, value: Any) -> None:
    assert value_of(f"a: {text}") == {"a": value}


@pytest.mark.parametrize("key", ["on", "null", "~", "200", "1.0", "0x10", "true", "2020-01-01"])
def test_a_key_is_text_as_it_is_written(key: str) -> None:
    assert value_of(f"{key}: 1") == {key: 1}


def test_anchors_merge_and_the_last_one_of_a_name_counts() -> None:
    text = (
        "base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3}\nb: &b 4\nlast: *b\nlist: {<<: [*b, {z: 1}]}"
    )
    read = value_of(text)
    assert (read["more"], read["last"], read["list"]) == ({"x": 1, "y": 3}, 4, {"z": 1})


@pytest.mark.parametrize(
    "content",
    [
        "openapi: 3.0.3\ninfo: {title: Caf\xe9}".encode("latin-1"),
        b'{"openapi": "3.0.3", "info": {"title": "Caf\xe9"}}',
        b"\xff\xfeo\x00p",
        b"\xff\xfe\x00\xd8x\x00",
        b"openapi: 3.0.3\n? [a, b]\n: 1",
        b"openapi: *none",
        b"openapi: 3.0.3\n  paths: {}",
        b"openapi: 3.0.3\nx: " + b"[" * 5_000 + b"]" * 5_000,
        b'{"openapi": "3.0.3", "x": ' + b"[" * 5_000 + b"]" * 5_000 + b",}",
        b"openapi: 3.0.3\nx: \x07",
    ],
)
def test_what_cannot_be_read_is_a_discovery_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(SchemaDiscoveryError):
        OCPAgent().register_api("a", str(tmp_path / "a.yaml"))


def test_the_reason_says_which_encoding_was_expected() -> None:
    with pytest.raises(SchemaDiscoveryError, match="not UTF-8, at byte 7"):
        read_document(b"title: \xe9t\xe9")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("text", ['{"openapi": "3.0.3", "x": "é"}', "openapi: 3.0.3\nx: é"])
def test_every_encoding_of_unicode_is_read(encoding: str, text: str) -> None:
    document = read_document(text.encode(encoding))
    assert (document.version, document.get("x")) == ("3.0", "é")


def test_aliases_that_stand_for_millions_are_refused_at_once() -> None:
    rows = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    began = time.process_time()
    with pytest.raises(SchemaDiscoveryError, match="aliases"):
        read_document("\n".join(["openapi: 3.0.3", *rows]).encode())
    assert time.process_time() - began < 1


def test_large_numbers_and_not_a_number_become_json() -> None:
    document = read_document(b"openapi: 3.0.3\na: 36893488147419103232\nb: .nan\nc: 1e400")
    assert json.loads(document.data)["a"] == 36893488147419103232
    assert document.get("b") is None and document.get("c") is None
