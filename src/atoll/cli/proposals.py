"""Sends changes that start an operation, and prints the proposal of a dry run."""

import functools
from collections.abc import Callable, Sequence

from atoll.cli.client import Json, Query
from atoll.cli.output import Column, words
from atoll.cli.session import Pace, Session
from atoll.cli.waiting import wait_for_operation

# The final message; a function if it needs a request of its own.
Sentence = str | Callable[[], str]
HOST_VERDICTS = (Column("host", "host"), Column("fits", "fits"), Column("reason", "reason"))


def operate(
    session: Session,
    method: str,
    path: str,
    body: Json | None = None,
    *,
    query: Query | None = None,
    dry_run: bool,
    pace: Pace,
    sentence: Sentence,
) -> None:
    """Send a change, wait for its operation if requested, and print the outcome."""
    asked: Query = {**(query or {}), **({"dry_run": True} if dry_run else {})}
    answer = session.client.change(method, path, body, query=asked)
    if dry_run:
        show_proposal(session, answer)
    else:
        follow(session, answer, pace=pace, sentence=sentence)


def operate_on_each(
    session: Session,
    method: str,
    paths: Sequence[str],
    body: Json | None = None,
    *,
    query: Query | None = None,
    dry_run: bool,
    pace: Pace,
    sentence: Callable[[int], str],
) -> None:
    """Send a change for each path, and then wait for all of them: they go on at the same time.
    `sentence` gets the place of the path."""
    asked: Query = {**(query or {}), **({"dry_run": True} if dry_run else {})}
    answers = [session.client.change(method, path, body, query=asked) for path in paths]
    for place, answer in enumerate(answers):
        if dry_run:
            show_proposal(session, answer)
        else:
            follow(session, answer, pace=pace, sentence=functools.partial(sentence, place))


def follow(session: Session, answer: Json, *, pace: Pace, sentence: Sentence) -> None:
    """Wait for the operation of an answer if requested, and print the outcome."""
    if not pace.wait:
        session.done(answer, f"accepted: {answer['operation_id']}")
        return
    operation = wait_for_operation(session, answer["operation_id"], timeout_s=pace.timeout_s)
    if session.output.as_json:
        session.output.json(operation)
    else:
        session.output.line(sentence if isinstance(sentence, str) else sentence())


def settle(
    session: Session, path: str, thing: Json, *, pace: Pace, sentence: Callable[[Json], str]
) -> None:
    """Wait for the operation of a new or changed resource, if it has one, and print the resource
    afterwards, or a sentence about it."""
    operation_id = thing.get("operation_id")
    if operation_id and not pace.wait:
        session.done(thing, f"{thing['id']} accepted: {operation_id}")
        return
    if operation_id:
        wait_for_operation(session, operation_id, timeout_s=pace.timeout_s)
        thing = session.client.get(f"{path}/{thing['id']}")
    session.done(thing, sentence(thing))


def show_proposal(session: Session, answer: Json) -> None:
    """Print what the server would do. Nothing has been changed."""
    output = session.output
    if output.as_json:
        output.json(answer)
        return
    proposal = answer["plan"]
    output.line(f"{proposal.get('kind', 'proposal')}: {words(proposal.get('impact'))}")
    if proposal.get("host"):
        output.line(f"on host {proposal['host']}")
    for number, step in enumerate(proposal.get("steps") or (), 1):
        output.line(f"  {number}. {step_words(step)}")
    if proposal.get("undo"):
        output.line(
            f"on failure, undone by: {', '.join(step_words(step) for step in proposal['undo'])}"
        )
    if proposal.get("hosts"):
        output.line()
        output.table(HOST_VERDICTS, proposal["hosts"])


def step_words(step: object) -> str:
    return words(step.get("name", step)) if isinstance(step, dict) else words(step)
