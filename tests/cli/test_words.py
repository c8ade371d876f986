"""Other ways to say a command."""

import pytest

from atoll.cli.words import usual
from tests.cli.cloud import VOLUME_ID, Cloud, instance, named
from tests.cli.conftest import Atoll


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("instances ls", "instance list"),
        ("volume rm data --yes", "volume delete data --yes"),
        ("hosts rm sim-1", "host remove sim-1"),
        ("floating-ips describe shop", "floating-ip show shop"),
        ("help instance stop", "instance stop --help"),
        ("help", "--help"),
        ("version", "--version"),
        ("events --follow", "events --follow"),
        ("instance ssh ls -- rm -rf /x", "instance ssh ls -- rm -rf /x"),
        ("--url http://x --json volume list", "volume list --url http://x --json"),
        ("-o yaml --context=work type list", "type list -o yaml --context=work"),
        ("--context work instance ssh a -- ls -o x", "instance ssh a --context work -- ls -o x"),
        ("--help", "--help"),
        ("--url", "--url"),
    ],
)
def test_a_command_may_be_said_in_other_words(said: str, meant: str) -> None:
    assert usual(said.split()) == meant.split()


def test_options_of_all_commands_may_stand_before_the_command(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/volumes", named(VOLUME_ID, "data"))
    listed = {"items": [named(VOLUME_ID, "data")], "next": None}
    assert atoll("--json", "volumes", "ls").json == listed
    assert atoll("--url", cloud.url, "volume", "list", "-o", "json").json == listed


def test_too_many_words_are_told_with_the_command_and_its_help(atoll: Atoll) -> None:
    ended = atoll("instance", "rename", "web", "web-1", "web-2")
    assert ended.code == 2
    assert "atoll instance rename takes no further arguments, but was given: web-2" in ended.err
    assert "`atoll instance rename --help`" in ended.err
    assert "Token" not in ended.err


def test_help_of_a_command_can_be_asked_for_first(bare_atoll: Atoll) -> None:
    ended = bare_atoll("help", "instances", "show")
    assert (ended.code, ended.out.splitlines()[0]) == (
        0,
        "Usage: atoll instance show [OPTIONS] INSTANCE",
    )


def test_the_output_can_be_yaml(atoll: Atoll, cloud: Cloud) -> None:
    cloud.has("/v1/instances", instance())
    ended = atoll("instance", "show", "demo", "-o", "yaml")
    assert "\nspec:\n  type: cx11\n" in ended.out
    both = atoll("instance", "show", "demo", "-o", "yaml", "--json")
    assert (both.code, both.err) == (2, "atoll: use either --json or --output\n")
