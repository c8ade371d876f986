"""The JSON of rows is made once for each version of a row, and not kept beyond a bound."""

from typing import Any

import msgspec

from atoll.api.rendered import OVERHEAD_BYTES, Rendered
from atoll.domain.instances import Instance
from tests.support.things import instance


def shown_as(rendered: Rendered[Instance], one: Instance) -> Any:
    return msgspec.json.decode(msgspec.json.encode(rendered.part_of(one)))


def counting() -> tuple[Rendered[Instance], list[str]]:
    made: list[str] = []

    def show(one: Instance) -> dict[str, str]:
        made.append(one.name)
        return {"name": one.name}

    return Rendered(show, bytes_max=3 * (OVERHEAD_BYTES + len('{"name":"web"}'))), made


def test_a_row_is_shown_once_as_long_as_it_does_not_change() -> None:
    rendered, made = counting()
    one = instance(name="web")
    assert shown_as(rendered, one) == shown_as(rendered, one) == {"name": "web"}
    assert made == ["web"]


def test_a_changed_row_is_shown_as_it_is() -> None:
    rendered, _ = counting()
    one = instance(name="web")
    rendered.part_of(one)
    changed = msgspec.structs.replace(one, name="new", version=one.version + 1)
    assert shown_as(rendered, changed) == {"name": "new"}
    assert shown_as(rendered, one) == {"name": "web"}


def test_no_more_bytes_are_kept_than_allowed() -> None:
    rendered, made = counting()
    several = [instance(name="web") for _ in range(4)]
    for one in several:
        rendered.part_of(one)
    assert len(made) == 4
    for one in several[1:]:
        rendered.part_of(one)
    assert len(made) == 4
    assert shown_as(rendered, several[0]) == {"name": "web"}
    assert len(made) == 5


def test_one_text_that_is_larger_than_all_may_be_is_shown_too() -> None:
    rendered, _ = counting()
    large = instance(name="w" * 10_000)
    assert shown_as(rendered, large) == {"name": "w" * 10_000}
