"""Recognizes the names of secrets, and removes secrets from values.

One rule for everything that others could read: context, logs, errors, dry runs, briefs.
"""

import re
from functools import lru_cache
from typing import Any

HIDDEN = "***"
DEEPEST = 64
SECRET = re.compile(
    r"pass(word|wd|phrase)|secret|token|credential|authorization|cookie"
    r"|(api|access|private|ssh|encryption|signing|license)[-_ ]?key$|^pin$|^otp$"
    r"|user[-_]?data|^kvm$|[-_]?signature$|connection[-_]string",
    re.IGNORECASE,
)
# Names that contain `token` but hold no secret.
HARMLESS = re.compile(
    r"(page|next|continuation|sync)[-_]?token$|token[-_]?(type|count)|tokens$", re.I
)
# Secrets that are recognized by their form.
FORMS = re.compile(
    r"\b(?:Bearer|Basic)\s+[\w.~+/=-]{8,}"
    r"|\b(?:ghp|gho|ghs|github_pat|sk|ak_live|xox[abpr])[-_][\w-]{10,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
)


@lru_cache(maxsize=4_096)
def is_secret(name: str) -> bool:
    return bool(SECRET.search(name)) and not HARMLESS.search(name)


def redacted(value: Any, depth: int = 0) -> Any:
    """Return a copy without values that have the name or the form of a secret."""
    if isinstance(value, str):
        return redacted_text(value)
    if depth > DEEPEST:
        return HIDDEN
    if isinstance(value, dict):
        return {
            key: HIDDEN if is_secret(str(key)) and one else redacted(one, depth + 1)
            for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(one, depth + 1) for one in value]
    return value


@lru_cache(maxsize=256)
def redacted_text(text: str) -> str:
    return FORMS.sub(HIDDEN, text)
