"""Rounds and medians: everything that is compared takes its turns in each round.

`rows` calls it. Ratios hold on a noisy machine only because of the turns.
"""

import statistics
from collections.abc import Callable, Mapping

import msgspec

from bench import load, servers
from bench.load import Result


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """Medians over the rounds. `cpu_us` is the server's processor time for one answer."""

    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float | None = None


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    result: Result
    cpu_us: float | None = None


Measure = Callable[[], Turn]


def interleaved(
    contenders: Mapping[str, Measure], rounds: int, say: Callable[[str], None]
) -> dict[str, Figure]:
    """Each round begins with another contender, so that none always follows the same one."""
    turns: dict[str, list[Turn]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            say(f"round {number + 1} of {rounds}: {name}")
            turns[name].append(contenders[name]())
    return {name: figure_of(done) for name, done in turns.items()}


def figure_of(turns: list[Turn]) -> Figure:
    cpu_us = [turn.cpu_us for turn in turns if turn.cpu_us is not None]
    return Figure(
        per_s=statistics.median(turn.result.per_s for turn in turns),
        p50_ms=statistics.median(turn.result.p50_ms for turn in turns),
        p99_ms=statistics.median(turn.result.p99_ms for turn in turns),
        cpu_us=statistics.median(cpu_us) if cpu_us else None,
    )


def served(
    server: servers.Server, job: load.Job, after: Callable[[], None] | None = None
) -> Measure:
    """One turn of a server under load. `after` brings it back to rest."""

    def measure() -> Turn:
        before_s = server.cpu_s()
        result = load.run(job)
        spent_s = server.cpu_s() - before_s
        if after is not None:
            after()
        return Turn(result=result, cpu_us=1e6 * spent_s / max(1, result.done))

    return measure
