"""Mutations that answer with an operation, and the plans that a dry run answers with."""

from collections.abc import Callable

from atoll.cli.client import Json, Query
from atoll.cli.output import Column, words
from atoll.cli.session import Pace, Session
from atoll.cli.waiting import wait_for_operation

# What to say at the end; made only then where it has to be asked for.
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
    """Sends a mutation, waits for its operation where asked to, and prints the outcome."""
    asked: Query = {**(query or {}), **({"dry_run": True} if dry_run else {})}
    answer = session.client.change(method, path, body, query=asked)
    if dry_run:
        show_proposal(session, answer)
    else:
        follow(session, answer, pace=pace, sentence=sentence)


def follow(session: Session, answer: Json, *, pace: Pace, sentence: Sentence) -> None:
    """Waits for the operation that an answer names, where asked to, and prints the outcome."""
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
    """Of a new or changed thing: waits for its operation, where it has one, and prints the thing
    as it then is, or a sentence about it."""
    operation_id = thing.get("operation_id")
    if operation_id and not pace.wait:
        session.done(thing, f"{thing['id']} accepted: {operation_id}")
        return
    if operation_id:
        wait_for_operation(session, operation_id, timeout_s=pace.timeout_s)
        thing = session.client.get(f"{path}/{thing['id']}")
    session.done(thing, sentence(thing))


def show_proposal(session: Session, answer: Json) -> None:
    """What would be done. Nothing has been done."""
    output = session.output
    if output.as_json:
        output.json(answer)
        return
    plan = answer["plan"]
    output.line(f"{plan.get('kind', 'plan')}: {words(plan.get('impact'))}")
    if plan.get("host"):
        output.line(f"on host {plan['host']}")
    for number, step in enumerate(plan.get("steps") or (), 1):
        output.line(f"  {number}. {step_words(step)}")
    if plan.get("undo"):
        output.line(f"undone by: {', '.join(step_words(step) for step in plan['undo'])}")
    if plan.get("hosts"):
        output.line()
        output.table(HOST_VERDICTS, plan["hosts"])


def step_words(step: object) -> str:
    return words(step.get("name", step)) if isinstance(step, dict) else words(step)
