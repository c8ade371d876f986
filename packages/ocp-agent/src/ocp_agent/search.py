"""Finds tools by words: BM25 over names, descriptions, tags and paths.

A tool whose name or description contains the literal query is found too, as in the reference.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from ocp_agent.lazily import Lazily

if TYPE_CHECKING:
    import difflib

    from ocp_agent.tools import OCPTool
else:
    difflib = Lazily("difflib")

SATURATION, LENGTH_WEIGHT = 1.2, 0.75
NAME_WEIGHT = 3  # weight of words in the name
DESCRIPTION_CHARACTERS = 400
STOP_WORDS = {"a", "an", "and", "for", "from", "in", "into", "it", "of", "on", "or", "the", "to",
              "with"}  # fmt: skip
WORD = re.compile(r"[a-z]+|\d+")
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
NO_LETTER = re.compile(r"[^a-z0-9]+")
ENDINGS = re.compile(r"(ies|es|s|ing|ed)$")


def words_of(text: str) -> list[str]:
    return [stem(word) for word in WORD.findall(HUMP.sub(" ", text).lower())]


@lru_cache(maxsize=8_192)
def stem(word: str) -> str:
    """Stem a word roughly, so that `instances` finds `instance`."""
    if len(word) < 4:
        return word
    return ENDINGS.sub(lambda found: "y" if found[1] == "ies" else "", word).rstrip("e")


class Index:
    """An index of the words of some tools, for all queries."""

    def __init__(self, tools: Sequence["OCPTool"]) -> None:
        self.tools = tools
        self.counts = [Counter(weighted_words(tool)) for tool in tools]
        self.lengths = [counts.total() for counts in self.counts]
        self.average = sum(self.lengths) / max(len(tools), 1)
        self.found_in: dict[str, list[int]] = {}
        for number, counts in enumerate(self.counts):
            for word in counts:
                self.found_in.setdefault(word, []).append(number)

    def ranked(self, query: str) -> list["OCPTool"]:
        scores: Counter[int] = Counter()
        for word in dict.fromkeys(words_of(query)):
            if word in STOP_WORDS:
                continue
            where = self.found_in.get(word, [])
            rarity = math.log(1 + (len(self.tools) - len(where) + 0.5) / (len(where) + 0.5))
            for number in where:
                scores[number] += rarity * self._weight(word, number)  # type: ignore[assignment]
        best = sorted(scores, key=lambda number: (-scores[number], number))
        return [self.tools[number] for number in best]

    def _weight(self, word: str, number: int) -> float:
        count = self.counts[number][word]
        relative = self.lengths[number] / self.average
        damping = SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * relative)
        return count * (SATURATION + 1) / (count + damping)


def weighted_words(tool: "OCPTool") -> Iterable[str]:
    yield from words_of(tool.name) * NAME_WEIGHT
    yield from words_of(tool.description[:DESCRIPTION_CHARACTERS])
    yield from words_of(" ".join(tool.tags))
    yield from words_of(tool.path)


@lru_cache(maxsize=8)
def index_of(tools: tuple["OCPTool", ...]) -> Index:
    """Return the index, cached for the next query."""
    return Index(tools)


def search(tools: Sequence["OCPTool"], query: str) -> list["OCPTool"]:
    """Search, best matches first; literal matches follow matches by words."""
    ranked = index_of(tuple(tools)).ranked(query)
    text = query.lower()
    literal = [t for t in tools if text in t.name.lower() or text in t.description.lower()]
    return list({id(tool): tool for tool in [*ranked, *literal]}.values())


def closest(name: str, names: Iterable[str]) -> str | None:
    """Suggest a similar name: createInstance for `create_instance`."""
    by_letters = {NO_LETTER.sub("", one.lower()): one for one in names}
    near = difflib.get_close_matches(NO_LETTER.sub("", name.lower()), by_letters, n=1, cutoff=0.75)
    return by_letters[near[0]] if near else None
