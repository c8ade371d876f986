"""The limits that keep a code base small in every place: sizes, words, and what a test must do.

A limit that is in the way says that something should be cut in two. See CONTRIBUTING.md.
"""

import ast
import functools
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.sources import tree_of

REPOSITORY = Path(__file__).parent.parent
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
PARAMETERS_MAX = 8
NESTING_MAX = 4
LINE_MAX = 100
MODULE_DOCSTRING_LINES_MAX = 10
SLEEP_MAX_S = 0.05

# Written so that this file does not hold the words that it looks for.
UNFINISHED = re.compile(
    "|".join(["TO" + "DO", "FIX" + "ME", r"\bX" + r"XX\b", "Not" + "ImplementedError"])
    + "|for "
    + "now|place"
    + "holder"
)
OUR_MACHINES = re.compile("/wo" + "rk/|/fa" + "rm/|/ho" + "me/")
# Tests of what is let through. All others end in an assert.
NOT_RAISING_IS_THE_POINT = {
    "test_a_sound_rule_is_allowed",
    "test_a_volume_is_ensured_twice_and_grows_but_never_shrinks",
    "test_a_zstd_compressed_qcow2_is_let_in",
    "test_bounds_themselves_are_allowed",
    "test_labels_up_to_their_bounds_are_allowed",
    "test_to_enter_again_takes_no_second_place",
}
PRAGMA = re.compile(r"\s*# (type: ignore|noqa|fmt:).*$")
OF_OTHERS = {"uv.lock", "LICENSE"}
TEXT = {".py", ".md", ".toml", ".lua", ".sh", ".json", ""}
Function = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)


def repository_files() -> list[Path]:
    """What is in the repository or is about to be: all that git does not ignore."""
    listing = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    command = ["git", "-c", "safe.directory=*", *listing]  # whoever owns the clone
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout
    names = {name for name in listed.decode().split("\0") if name}
    paths = [REPOSITORY / name for name in sorted(names - OF_OTHERS)]
    return [path for path in paths if path.is_file() and path.suffix in TEXT]


FILES = repository_files()
PYTHON = [path for path in FILES if path.suffix == ".py"]
SOURCES = (REPOSITORY / "src", REPOSITORY / "packages")
PRODUCT = [path for path in PYTHON if any(path.is_relative_to(source) for source in SOURCES)]
TESTS = [path for path in PYTHON if path.is_relative_to(REPOSITORY / "tests")]
MIGRATIONS = REPOSITORY / "src/atoll/store/migrations/versions"


def place(path: Path, line: int | None = None) -> str:
    name = str(path.relative_to(REPOSITORY))
    return name if line is None else f"{name}:{line}"


def functions_of(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, Function))


def length_of(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def parameters_of(function: Function) -> int:
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return len([one for one in every if one.arg not in {"self", "cls"}])


def depth_of(node: ast.AST) -> int:
    """How deep blocks lie in blocks. An `elif` is as deep as its `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse
        step = 1 if isinstance(child, BLOCKS) and not is_elif else 0
        deepest = max(deepest, step + depth_of(child))
    return deepest


def calls_of(function: Function) -> Iterator[tuple[str, ast.Call]]:
    """Each call with the last word of what is called."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            yield name, node


def too_large(measure: Callable[[Function], int], largest: int) -> list[str]:
    return [
        f"{place(path, function.lineno)} {function.name}: {measure(function)}"
        for path in PYTHON
        if not path.is_relative_to(MIGRATIONS)  # a schema is a list, and never changes again
        for function in functions_of(path)
        if measure(function) > largest
    ]


def lines_with(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{place(path, number)}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_is_longer_than_500_lines() -> None:
    lengths = {place(path): len(path.read_text().splitlines()) for path in PYTHON}
    assert {name: n for name, n in lengths.items() if n > FILE_LINES_MAX} == {}


def test_no_function_is_longer_than_70_lines() -> None:
    assert too_large(length_of, FUNCTION_LINES_MAX) == []


def test_no_function_takes_more_than_8_parameters() -> None:
    commands = [f"src/atoll/cli/commands/{name}.py" for name in ("instance_create", "up", "images")]
    wide = too_large(parameters_of, PARAMETERS_MAX)
    # A command's parameters are its options: cutting them in two would serve nobody.
    assert [found for found in wide if not found.startswith(tuple(commands))] == []


def test_blocks_are_nested_no_deeper_than_four() -> None:
    assert too_large(depth_of, NESTING_MAX) == []


def test_no_line_of_code_is_longer_than_100_characters() -> None:
    long = [
        place(path, number)
        for path in PYTHON
        if not path.is_relative_to(MIGRATIONS)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(PRAGMA.sub("", line)) > LINE_MAX
    ]
    assert long == []


def test_nothing_is_left_for_later() -> None:
    assert lines_with(UNFINISHED, FILES) == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert lines_with(OUR_MACHINES, FILES) == []


def test_every_module_says_what_it_is_in_at_most_ten_lines() -> None:
    """The error tree may be drawn whole."""
    wrong = []
    for path in PRODUCT:
        text = ast.get_docstring(tree_of(path))
        lines = len(text.splitlines()) if text else 0
        drawn = "├──" in (text or "")
        if lines == 0 or (lines > MODULE_DOCSTRING_LINES_MAX and not drawn):
            wrong.append(f"{place(path)}: {lines} lines")
    assert wrong == []


def test_nothing_is_imported_inside_functions() -> None:
    wrong = [
        place(path, node.lineno)
        for path in PYTHON
        for function in functions_of(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert wrong == []


def test_every_test_asserts_something() -> None:
    silent = {
        function.name: place(path, function.lineno)
        for path in TESTS
        if path.name.startswith("test_")
        for function in functions_of(path)
        if function.name.startswith("test_") and not may_fail(function)
    }
    assert {name: at for name, at in silent.items() if name not in NOT_RAISING_IS_THE_POINT} == {}
    every = {function.name for path in TESTS for function in functions_of(path)}
    assert every >= NOT_RAISING_IS_THE_POINT, "they are no more: take them from the list"


def asserts(function: Function) -> bool:
    """By itself: an assert, an expected error, or a check of a library that raises."""
    return any(isinstance(node, ast.Assert) for node in ast.walk(function)) or any(
        name in {"raises", "warns", "validate", "call_and_validate"}
        for name, _ in calls_of(function)
    )


def may_fail(function: Function) -> bool:
    """By itself, or by a helper of the tests that it calls."""
    return asserts(function) or not helpers_that_assert().isdisjoint(
        name for name, _ in calls_of(function)
    )


@functools.cache
def helpers_that_assert() -> set[str]:
    """Those that assert, those that call them, and so on."""
    helpers = [function for path in TESTS for function in functions_of(path)]
    calls = {function.name: {name for name, _ in calls_of(function)} for function in helpers}
    found: set[str] = set()
    more = {function.name for function in helpers if asserts(function)}
    while more - found:
        found |= more
        more = {name for name, called in calls.items() if called & found}
    return found


def test_no_test_sleeps_instead_of_waiting_for_something() -> None:
    wrong = [
        place(path, call.lineno)
        for path in TESTS
        for function in functions_of(path)
        for name, call in calls_of(function)
        if name == "sleep"
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(seconds := call.args[0].value, int | float)
        and seconds > SLEEP_MAX_S
    ]
    assert wrong == []


def test_the_index_of_decisions_lists_them_all() -> None:
    folder = REPOSITORY / "docs/adr"
    index = (folder / "README.md").read_text()
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert records
    assert [name for name in records if f"({name})" not in index] == []
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))


@pytest.mark.parametrize("script", ["scripts/setup", "scripts/clean-demo", ".ci/run"])
def test_scripts_can_be_run(script: str) -> None:
    path = REPOSITORY / script
    assert path.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0
