"""Secrets that earlier versions wrote into audit records, ended operations and kept answers"""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

# The fields as they were when this was written: `domain/secrets.py` may change.
TEXTS = frozenset({"password", "hash", "nonce", "script", "secret", "user_data", "digest"})
ADDRESSES = frozenset({"url", "location", "source"})
HIDDEN = "hidden"
LONG_MAX = 256
DIGEST = re.compile(r"blake2b:[0-9a-f]{32}")
# A record may have some hundred KiB: user data before and after.
BATCH = 100
CONSOLE_TOKEN = 101
NOTHING = b""
Change = Callable[[str, str], str]

audit = sa.table("audit", sa.column("id"), sa.column("document"))
operations = sa.table("operations", sa.column("id"), sa.column("arguments"),
                      sa.column("ended_at_ms"))  # fmt: skip
answers = sa.table("idempotency", sa.column("key_id"), sa.column("key"), sa.column("status"),
                   sa.column("body"))  # fmt: skip


def upgrade() -> None:
    """Equal secrets have equal digests among the old records, and others than in new ones: a
    migration does not know the server's secret. Operations that have not ended need theirs."""
    if op.get_bind().dialect.name == "sqlite":
        # Otherwise the old bytes would stay in the free parts of the file.
        op.execute("PRAGMA secure_delete = ON")
    digest = digests()
    rewrite(
        audit,
        ("id",),
        audit.c.document,
        lambda document: walked(document, lambda name, text: concealed(name, text, digest)),
    )
    rewrite(
        operations,
        ("id",),
        operations.c.arguments,
        lambda arguments: walked(arguments, scrubbed),
        operations.c.ended_at_ms.is_not(None),
    )
    rewrite(answers, ("key_id", "key"), answers.c.body, answer_without_secrets,
            answers.c.status != CONSOLE_TOKEN)  # fmt: skip


def digests() -> Callable[[str], str]:
    key = secrets.token_bytes(32)

    def digest(text: str) -> str:
        return f"blake2b:{hashlib.blake2b(text.encode(), key=key, digest_size=16).hexdigest()}"

    return digest


def rewrite(
    table: sa.TableClause, key: tuple[str, ...], column: sa.ColumnClause[Any],
    change: Callable[[bytes], bytes], *only: sa.ColumnElement[bool],
) -> None:  # fmt: skip
    """Change the rows that hold a secret, in batches, so that memory does not grow with them."""
    mark = table.update().values({column: sa.bindparam("now")})
    for name in key:
        mark = mark.where(table.c[name] == sa.bindparam(f"of_{name}"))
    for rows in batches(table, key, column, only):
        changed = [(row, change(row[-1])) for row in rows]
        values = [
            {"now": now, **{f"of_{name}": row[place] for place, name in enumerate(key)}}
            for row, now in changed if now is not row[-1]
        ]  # fmt: skip
        if values:
            op.get_bind().execute(mark, values)


def batches(
    table: sa.TableClause, key: tuple[str, ...], column: sa.ColumnClause[Any],
    only: Sequence[sa.ColumnElement[bool]],
) -> Iterator[Sequence[Any]]:  # fmt: skip
    columns = [table.c[name] for name in key]
    query = sa.select(*columns, column).where(*only).order_by(*columns).limit(BATCH)
    rows = op.get_bind().execute(query).all()
    while rows:
        yield rows
        last = rows[-1]
        beyond = sa.tuple_(*columns) > sa.tuple_(*[sa.literal(one) for one in last[:-1]])
        rows = op.get_bind().execute(query.where(beyond)).all()


def walked(document: bytes, change: Change) -> bytes:
    """Return the same bytes if nothing was changed."""
    before = msgspec.json.decode(document)
    after = walk("", before, change)
    return document if after == before else msgspec.json.encode(after)


def walk(name: str, value: Any, change: Change) -> Any:
    if isinstance(value, dict):
        return {key: walk(key, one, change) for key, one in value.items()}
    if isinstance(value, list):
        return [walk(name, one, change) for one in value]
    return change(name, value) if isinstance(value, str) else value


def concealed(name: str, text: str, digest: Callable[[str], str]) -> str:
    if name in ADDRESSES:
        text = without_token(text)
    secret = name in TEXTS and text != ""
    if (secret or len(text) > LONG_MAX) and not DIGEST.fullmatch(text):
        return digest(text)
    return text


def scrubbed(name: str, text: str) -> str:
    return "" if name in TEXTS else text


def answer_without_secrets(body: bytes) -> bytes:
    """What a version kept in another form cannot be repeated in any case."""
    try:
        kept = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return NOTHING
    if not isinstance(kept, dict) or "kinds" not in kept:
        return NOTHING
    return walked(body, lambda name, text: (
        without_token(text) if name in ADDRESSES else scrubbed(name, text)
    ))  # fmt: skip


def without_token(url: str) -> str:
    """Leave out the user of a URL, and hide its query."""
    url, _, _ = url.partition("#")
    address, _, query = url.partition("?")
    scheme, mark, rest = address.partition("://")
    if mark:
        authority, slash, path = rest.partition("/")
        address = f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
    return f"{address}?{HIDDEN}" if query else address
