"""The documents are true: links lead somewhere; what can be set, typed or called is described."""

import json
import re
from pathlib import Path

import pytest
from cyclopts import App

from atoll.api.native.app import CODES
from atoll.api.native.wire import STATUSES
from atoll.cli.app import make_app
from atoll.domain.errors import AtollError
from atoll.domain.events import VERBS
from atoll.settings import parser
from tests.support import documents
from tests.test_tidy import FILES, REPOSITORY, place

DOCUMENTS = [path for path in FILES if path.suffix == ".md"]
OPERATING = REPOSITORY / "docs/operating"
CODE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FILE_NAMED = re.compile(r"`((?:src|tests|docs|images|scripts|bench|packages)/[\w./-]+)`")
PROSE_MAX = 100
# Reports that tests write.
PROSE = [path for path in DOCUMENTS if not place(path).endswith("-coverage.md")]
# A decision is not rewritten.
NOT_RECORDS = [path for path in PROSE if "docs/adr/" not in place(path)]
# A URL, or a link or path in code, cannot be broken.
UNBREAKABLE = re.compile(r"\S{60,}")
# They hide the subject of a sentence, or its verb.
RIDDLES = re.compile(
    r"\bwho(so)?ever\b|\bno more\b[.,;]|\bany more\b[.,;]|\bcarry out anew\b|\bleads? nowhere\b",
    re.IGNORECASE,
)
# A summary begins with one of these; prefer them to a new one, so that a search finds both.
SUMMARY_VERBS = {
    "Add", "Attach", "Build", "Cancel", "Clone", "Connect", "Create", "Delete", "Detach",
    "Disable", "Download", "Enable", "Explain", "Get", "Import", "List", "Log", "Open", "Print",
    "Protect", "Reboot", "Recover", "Register", "Reinstall", "Remove", "Rename", "Replace",
    "Reserve", "Reset", "Resize", "Restore", "Retry", "Save", "Send", "Set", "Show", "Start",
    "Stop", "Stream", "Update", "Wait", "Watch",
}  # fmt: skip
ERRORS = (REPOSITORY / "docs/errors.md").read_text()
OPENAPI = documents.of_native()


def anchors_of(document: Path) -> set[str]:
    """As GitHub makes them out of headings."""
    headings = re.findall(r"^#+ (.*)$", CODE.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def test_links_lead_somewhere() -> None:
    assert len(DOCUMENTS) > 30
    broken = [
        f"{place(document)}: {target}"
        for document in DOCUMENTS
        for target in LINK.findall(CODE.sub("", document.read_text()))
        if not re.match(r"[a-z]+:", target) and not is_there(document, target)
    ]
    assert broken == []


def is_there(document: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    there = document.parent / name if name else document
    return there.exists() and (not anchor or anchor in anchors_of(there))


def test_files_that_are_named_exist() -> None:
    named = [
        (place(document), name)
        for document in DOCUMENTS
        for name in FILE_NAMED.findall(document.read_text())
    ]
    assert len(named) > 30
    assert [one for one in named if not (REPOSITORY / one[1]).exists()] == []


def test_lines_of_prose_fit_in_100_characters() -> None:
    long = [
        f"{place(document)}, line {number}"
        for document in PROSE
        for number, line in enumerate(lines_outside_code(document), 1)
        if len(line) > PROSE_MAX and not line.lstrip().startswith("|")
        if not UNBREAKABLE.search(line)
    ]
    assert long == []


def lines_outside_code(document: Path) -> list[str]:
    text = CODE.sub(lambda code: "\n" * code.group().count("\n"), document.read_text())
    return text.splitlines()


def test_documents_speak_in_sentences_with_a_subject() -> None:
    riddles = [
        f"{place(document)}: {found.group()}"
        for document in NOT_RECORDS
        for found in RIDDLES.finditer(CODE.sub("", document.read_text()))
    ]
    assert riddles == []


def test_help_speaks_in_sentences_with_a_subject() -> None:
    texts = {" ".join(words): help_of(words) for words in commands_of(make_app())}
    assert len(texts) > 90
    assert [words for words, text in texts.items() if not text or RIDDLES.search(text)] == []
    starts = {words: text.split()[0].capitalize() for words, text in texts.items()}
    assert {words: start for words, start in starts.items() if start not in SUMMARY_VERBS} == {}


def test_summaries_of_the_native_api_are_a_verb_and_what_it_is_done_to() -> None:
    summaries = [one["summary"] for item in OPENAPI["paths"].values() for one in item.values()]
    assert len(summaries) > 100
    assert [one for one in summaries if re.findall(r"\w+", one)[0] not in SUMMARY_VERBS] == []


def test_the_native_document_speaks_in_sentences_with_a_subject() -> None:
    assert RIDDLES.findall(json.dumps(OPENAPI)) == []


@pytest.mark.parametrize("dialect", ["vultr", "genesis"])
def test_descriptions_of_vendors_fields_speak_in_sentences_with_a_subject(dialect: str) -> None:
    words = (REPOSITORY / f"src/atoll/api/{dialect}/words.toml").read_text()
    assert RIDDLES.findall(words) == []
    # A description names the field; it is neither a question nor about an `it` that is not named.
    assert re.findall(r'= "(?:What|How|Which|Whether it|Its|It) .*"', words) == []


def help_of(words: tuple[str, ...]) -> str:
    app = make_app()
    for word in words:
        app = app[word]
    return app.help


def test_every_setting_is_documented() -> None:
    text = (OPERATING / "install.md").read_text()
    options = [
        option
        for action in parser({})._actions
        for option in action.option_strings
        if option.startswith("--") and option != "--help"
    ]
    assert len(options) > 10
    assert [option for option in options if f"`{option}" not in text] == []


def test_every_command_of_the_command_line_is_documented() -> None:
    text = (OPERATING / "cli.md").read_text()
    missing = [words for words in commands_of(make_app()) if not is_described(words, text)]
    assert missing == []


def commands_of(app: App, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name in app:
        if name.startswith("-"):
            continue
        words = (*before, name)
        below = commands_of(app[name], words)
        found += below or [words]
    return found


def is_described(words: tuple[str, ...], text: str) -> bool:
    """In a row of the table of commands: its first cell names the group, and the verb in code."""
    cells = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    verb = re.compile(rf"[`\s]{re.escape(words[-1])}\b")
    return any(f"`{words[0]}" in cell and verb.search(cell) for cell in cells)


def test_every_path_of_the_native_document_exists_in_the_api_and_the_other_way_round() -> None:
    documented: set[str] = set()
    for line in (REPOSITORY / "docs/dialects/native.md").read_text().splitlines():
        paths = re.findall(r"/v1(/[\w/{}-]+)", line)
        # A row of a collection names the actions of its things as `/{id}/action`.
        actions = re.findall(r"`(/\{id\}/[\w-]+)`", line)
        documented |= {base_of(path) for path in paths}
        documented |= {base_of(paths[0] + action) for action in actions}
    served = {base_of(path.removeprefix("/v1")) for path in OPENAPI["paths"]}
    assert documented - served == set(), "documented, but not there"
    assert served - documented == set(), "there, but not documented"


def base_of(path: str) -> str:
    """A collection, or one of its things' actions; the names of parameters do not matter."""
    parts = [part for part in path.strip("/").split("/") if not part.startswith("{")]
    return "/".join(parts[:3])


def test_every_kind_of_event_is_documented() -> None:
    text = (REPOSITORY / "docs/dialects/native.md").read_text()
    rows = [f"| `{noun}` | {', '.join(f'`{v}`' for v in verbs)} |" for noun, verbs in VERBS.items()]
    assert [row for row in rows if row not in text] == []


def test_every_fault_setting_of_the_simulator_is_documented() -> None:
    text = (OPERATING / "simulator.md").read_text()
    body = OPENAPI["components"]["schemas"]["FaultBody"]
    verbs = body["properties"]["verb"]["enum"]
    words = [*body["properties"], *verbs]
    assert [word for word in words if f"`{word}`" not in text] == []


def test_the_readme_shows_the_commands_of_the_makefile() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)\b", (REPOSITORY / "README.md").read_text()))
    assert {"demo", "clean-demo", "test"} <= named
    assert named <= targets


def every_error(kind: type[AtollError] = AtollError) -> set[type[AtollError]]:
    return {one for sub in kind.__subclasses__() for one in {sub, *every_error(sub)}}


def test_every_code_of_an_error_is_explained() -> None:
    explained = set(re.findall(r"^\| `([A-Z_]+)` \|", ERRORS, re.MULTILINE))
    codes = {kind.code for kind in every_error()} - {"REFUSED"}
    assert explained == codes | set(CODES.values()) | {"CANCELLED", "INTERNAL"}


def test_the_status_of_every_error_is_the_one_that_is_documented() -> None:
    documented = dict(re.findall(r"^\| `([A-Z_]+)` \| (\d{3}) \|", ERRORS, re.MULTILINE))
    kinds = {kind.code: kind for kind in every_error()}
    wrong = {
        code: status
        for code, status in documented.items()
        if code in kinds
        and str(dict(STATUSES)[next(k for k in kinds[code].__mro__ if k in dict(STATUSES))])
        != status
    }
    assert len(documented) > 15
    assert wrong == {}
