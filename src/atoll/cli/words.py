"""Other ways to say a command: plurals, `ls`, `rm`, `describe`, `help`, options before the command.

They become the words that the parser knows, so that help and completion show one name of each.
"""

from collections.abc import Sequence

from atoll.cli.command_list import COMMANDS

GLOBAL_FLAGS = frozenset({"--json"})
GLOBAL_OPTIONS = frozenset({"--url", "--api-key", "--context", "--output", "-o"})
PLURALS = {f"{command.name}s": command.name for command in COMMANDS if command.name != "events"}
VERBS = {"ls": "list", "describe": "show", "rm": "delete"}
# Nouns whose `delete` is called `remove`.
REMOVED = frozenset({"host", "registry"})
END_OF_OPTIONS = "--"


def usual(words: Sequence[str]) -> list[str]:
    """Return the command line in the parser's words."""
    before, after = split(words)
    if not after:
        return [*before]
    noun, *rest = after
    if noun == "help":
        return [*map_nouns(rest), "--help"]
    if noun == "version":
        return ["--version"]
    noun = PLURALS.get(noun, noun)
    if rest and rest[0] in VERBS:
        verb = VERBS[rest[0]]
        if verb == "delete" and noun in REMOVED:
            verb = "remove"
        rest = [verb, *rest[1:]]
    return with_options([noun, *rest], before)


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split the options of all commands off that stand before the command."""
    place = 0
    while place < len(words):
        word = words[place]
        if word in GLOBAL_FLAGS or (word.partition("=")[0] in GLOBAL_OPTIONS and "=" in word):
            place += 1
        elif word in GLOBAL_OPTIONS and place + 1 < len(words):
            place += 2
        else:
            break
    return list(words[:place]), list(words[place:])


def with_options(words: list[str], options: list[str]) -> list[str]:
    """Append options, but not to a command for the guest, which follows `--`."""
    if not options:
        return words
    end = words.index(END_OF_OPTIONS) if END_OF_OPTIONS in words else len(words)
    return [*words[:end], *options, *words[end:]]


def map_nouns(words: Sequence[str]) -> list[str]:
    return [PLURALS.get(word, VERBS.get(word, word)) for word in words]
