"""The cache of decoded rows."""

from atoll.store.decoded import CHARS_MAX, ROWS_MAX, Decoded


def test_a_row_is_found_by_its_version_alone() -> None:
    decoded = Decoded()
    decoded.keep("a", 1, "old", chars=10)
    assert decoded.find("a", 1) == "old"
    assert decoded.find("a", 2) is None
    decoded.keep("a", 2, "new", chars=10)
    assert decoded.find("a", 1) is None
    assert decoded.find("a", 2) == "new"


def test_a_list_is_known_only_as_a_whole() -> None:
    decoded = Decoded()
    for name in ("a", "b"):
        decoded.keep(name, 1, name, chars=10)
    assert decoded.all_of([("b", 1), ("a", 1)]) == ["b", "a"]
    assert decoded.all_of([("a", 1), ("b", 2)]) is None
    assert decoded.all_of([("a", 1), ("c", 1)]) is None
    assert decoded.all_of([]) == []


def test_long_documents_are_not_kept_and_old_rows_make_room() -> None:
    decoded = Decoded()
    decoded.keep("long", 1, "short before", chars=10)
    decoded.keep("long", 2, "long now", chars=CHARS_MAX + 1)
    assert decoded.find("long", 1) is None
    assert decoded.find("long", 2) is None
    for number in range(ROWS_MAX + 1):
        decoded.keep(f"row {number}", 1, number, chars=10)
    assert decoded.find("row 0", 1) is None
    assert decoded.find("row 1", 1) == 1
    assert decoded.find(f"row {ROWS_MAX}", 1) == ROWS_MAX
