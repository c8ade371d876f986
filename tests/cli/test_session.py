"""What all commands share: questions, labels, and how a value is shown."""

import io
from collections.abc import Callable

import pytest

from atoll.cli.client import Client
from atoll.cli.errors import Usage
from atoll.cli.output import Output, flatten, words
from atoll.cli.session import Session, labels_from
from atoll.cli.settings import Server, Surroundings
from tests.cli.conftest import Terminal


def session() -> Session:
    return Session(
        client=Client(Server(url="http://127.0.0.1:1", api_key="ak_1", origin="a test")),
        output=Output(as_json=False, out=io.StringIO(), err=io.StringIO()),
        surroundings=Surroundings.of_this_process(),
    )


def saying(answer: str) -> Callable[[], str]:
    return lambda: answer


@pytest.mark.parametrize("answer", ["y", "Y", " yes "])
def test_a_question_on_a_terminal_takes_yes(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    asked = session()
    asked.confirm("Delete it?", yes=False, ask=saying(answer))
    assert isinstance(asked.output.err, io.StringIO)
    assert asked.output.err.getvalue() == "Delete it? [y/N] "


@pytest.mark.parametrize("answer", ["", "n", "yep"])
def test_anything_else_than_yes_does_nothing(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    with pytest.raises(Usage, match="nothing was changed"):
        session().confirm("Delete it?", yes=False, ask=saying(answer))


def test_labels_are_split_at_the_first_equals_sign() -> None:
    assert labels_from(["a=b=c", "empty="]) == {"a": "b=c", "empty": ""}


@pytest.mark.parametrize("pair", ["a", "=b"])
def test_a_label_that_is_not_a_pair_is_refused(pair: str) -> None:
    with pytest.raises(Usage, match="key=value"):
        labels_from([pair])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ("", "-"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (40.0, "40"),
        (1.5, "1.5"),
        ([], "-"),
        (["a", "b"], "a, b"),
        ({"a": 1}, "a=1"),
        ("a\x1b[2Jb\x00", "ab"),
    ],
)
def test_values_are_shown_in_words(value: object, shown: str) -> None:
    assert words(value) == shown


def test_everything_of_a_thing_has_a_path() -> None:
    thing = {"a": {"labels": {"x": "y"}}, "rules": [{"port": 22}, {"port": 80}], "list": ["p"]}
    assert list(flatten(thing)) == [
        ("a.labels", {"x": "y"}),
        ("rules.1.port", 22),
        ("rules.2.port", 80),
        ("list", ["p"]),
    ]
