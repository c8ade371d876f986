"""Tables and resources as text, on a narrow terminal and elsewhere."""

import io

import pytest

from atoll.cli.layout import Column, facts_of, size, table_rows
from atoll.cli.output import Output, words
from tests.cli.cloud import HOST_ID, INSTANCE_ID, VOLUME_ID, Cloud, instance, named, operation
from tests.cli.conftest import Atoll, Terminal

COLUMNS = (Column("name", "name"), Column("address", "address"), Column("id", "id"))
THINGS = [{"name": "web", "address": "127.48.0.4", "id": INSTANCE_ID}]


def test_a_table_drops_its_last_columns_rather_than_folding_cells() -> None:
    rows = [[column.cell(thing, words) for column in COLUMNS] for thing in THINGS]
    titles = [column.title for column in COLUMNS]
    assert list(table_rows(titles, rows, 30)) == ["NAME  ADDRESS", "web   127.48.0.4"]
    assert list(table_rows(titles, rows, 3)) == ["NAME  ADDRESS", "web   127.48.0.4"]
    assert list(table_rows(titles, rows, None))[1] == f"web   127.48.0.4  {INSTANCE_ID}"


def test_columns_stay_aligned_below_wide_characters_and_no_blanks_trail() -> None:
    assert list(table_rows(["a", "b"], [["\u65e5\u672c", "x"], ["c", ""]], None)) == [
        "A     B",
        "\u65e5\u672c  x",
        "c",
    ]


def test_a_terminal_of_80_columns_is_not_exceeded_unless_all_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    narrow, wide, pipe = Terminal(), Terminal(), io.StringIO()
    Output(out=narrow, err=io.StringIO()).table(COLUMNS, THINGS)
    Output(form="wide", out=wide, err=io.StringIO()).table(COLUMNS, THINGS)
    Output(out=pipe, err=io.StringIO()).table(COLUMNS, THINGS)
    assert INSTANCE_ID not in narrow.getvalue()
    assert INSTANCE_ID in wide.getvalue()
    assert INSTANCE_ID in pipe.getvalue()


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (226340864, "215.9 MiB"),
        (1024**3, "1 GiB"),
        (5 * 1024**6, "5120 PiB"),
        (None, None),
    ],
)
def test_sizes_are_shown_in_binary_units(count: int | None, shown: str | None) -> None:
    assert size(count) == shown


def test_a_resource_is_shown_in_words_without_what_is_empty() -> None:
    thing = {
        "id": "host-1",
        "metadata": {"name": "sim-1", "version": 6, "labels": {}},
        "spec": {"size_gb": 3, "rules": [{"port": 22, "notes": ""}, {"port": 80}]},
        "status": {"memory_mb": 1024, "memory_mb_used": 512, "reason": "", "a": {"b": {"c": 1}}},
        "operation_id": "op-1",
    }
    assert facts_of(thing, words) == [
        ("id", "host-1"),
        ("name", "sim-1"),
        ("", ""),
        ("size", "3 GiB"),
        ("rules", "port=22\nport=80"),
        ("", ""),
        ("memory", "1 GiB"),
        ("memory used", "512 MiB"),
        ("a b", "c=1"),
        ("operation id", "op-1"),
    ]


def test_conditions_are_shown_with_the_time_and_the_reason() -> None:
    power = {"type": "power", "status": False, "reason": "disk full", "message": "", "at": "then"}
    status = {"conditions": [power, {"type": "boot", "status": True, "at": "now"}]}
    assert facts_of({"id": "i", "status": status}, words) == [
        ("id", "i"),
        ("", ""),
        ("conditions", f"power: {words(False)}, disk full, then\nboot: {words(True)}, now"),
    ]


def test_a_resource_whose_status_is_a_word_shows_it() -> None:
    thing = {"id": "op-1", "kind": "instance.stop", "status": "running"}
    assert facts_of(thing, words) == [
        ("id", "op-1"),
        ("kind", "instance.stop"),
        ("status", "running"),
    ]


def test_operations_are_listed_with_the_names_of_their_instances(
    atoll: Atoll, cloud: Cloud
) -> None:
    cloud.answers("GET", "/v1/operations", {"items": [operation()], "next": None})
    cloud.has("/v1/instances", instance())
    assert " demo " in atoll("operation", "list").out


def test_show_names_the_host_and_gets_what_only_a_single_resource_has(
    atoll: Atoll, cloud: Cloud
) -> None:
    cloud.has("/v1/instances", instance())
    cloud.forgets("GET", f"/v1/instances/{INSTANCE_ID}")
    cloud.answers("GET", f"/v1/instances/{INSTANCE_ID}", instance(default_password="s3cret"))
    cloud.has("/v1/hosts", named(HOST_ID, "attic"))
    lines = [line.split(maxsplit=1) for line in atoll("instance", "show", "demo").out.splitlines()]
    assert ["host", "attic"] in lines
    assert ["default", "password  s3cret"] in lines
    assert ["memory", "256 MiB"] in lines


def test_show_keeps_the_id_of_a_host_that_may_not_be_seen(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    assert HOST_ID in atoll("instance", "show", "demo").out


def test_lists_name_the_instance_that_a_thing_belongs_to(atoll: Atoll, cloud: Cloud) -> None:
    volume = {**named(VOLUME_ID, "data"), "status": {"instance_id": INSTANCE_ID}}
    cloud.has("/v1/volumes", volume)
    cloud.has("/v1/instances", instance())
    assert " demo " in atoll("volume", "list").out
    assert atoll("volume", "list", "--json").json["items"] == [volume]
