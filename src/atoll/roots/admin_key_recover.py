"""`atoll admin-key --recover`: a new admin key, on the machine of the server, whether or not the
server runs.

It needs the state directory alone; who can read `server.secret` is the operator.
"""

import asyncio
import secrets
import sys
from collections.abc import Mapping, Sequence

from atoll.contexts import renew
from atoll.domain.errors import AtollError
from atoll.roots.control import KEY_BYTES, store_of
from atoll.service import installation
from atoll.service.admin_key_recover import Recovered, recover
from atoll.service.keys import Keys, new_text
from atoll.settings import Settings, read
from atoll.state_dir import ADMIN_KEY, StateDir
from atoll.system import RandomIds, SystemClock

ANEW = "--new-secret"
FOREIGN = (
    "the server.secret in {state} is not the one of the database: copy the right one from another "
    "server of the database or from a backup. If it is lost, stop all servers and add "
    "--new-secret: all other API keys then stop being valid"
)


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Returns the exit code."""
    words = [word for word in arguments if word != ANEW]
    settings = read(words, environment)
    state = StateDir(settings.state)
    try:
        text, done = asyncio.run(recovered(settings, state, new_secret=ANEW in arguments))
    except (RuntimeError, AtollError, OSError) as error:
        state.forget_made()
        sys.stderr.write(f"atoll: {error}\n")
        return 1
    finally:
        state.close()
    tell(settings, text, done)
    return 0


async def recovered(
    settings: Settings, state: StateDir, *, new_secret: bool
) -> tuple[str, Recovered]:
    """Return the text of the new key. The file is written when the key is valid: before, the one in
    it may be."""
    offline = prepare(state, new_secret=new_secret)
    clock = SystemClock()
    store = store_of(settings)
    keys = Keys(store, clock, state.secret())
    await store.open(migrate=offline)
    try:
        lost = state.admin_key_or_none()
        standing = await installation.stand(store, clock, keys, lost)
        if standing.secret is False and not new_secret:
            raise RuntimeError(FOREIGN.format(state=state.path))
        text = new_text(secrets.token_bytes(KEY_BYTES))
        done = await recover(store, clock, RandomIds(clock), keys, text, lost)
    finally:
        await store.close()
    if done is None:
        raise RuntimeError("no server has used this database yet: `atoll up` makes the admin key")
    state.replace_admin_key(text)
    return text, done


def prepare(state: StateDir, *, new_secret: bool) -> bool:
    """Take the lock if no server has it, and tell whether that is so. Raises RuntimeError."""
    if not state.path.is_dir():
        raise RuntimeError(f"there is no state directory {state.path}: name the server's --state")
    offline = state.lock()
    if new_secret and not offline:
        raise RuntimeError("a server runs with the secret that is to be replaced: stop it first")
    if not state.has_secret and not new_secret:
        raise RuntimeError(FOREIGN.format(state=state.path))
    return offline


def tell(settings: Settings, text: str, done: Recovered) -> None:
    """The text is printed only to a terminal, as at the first start."""
    kept = settings.state / ADMIN_KEY
    lines = [
        f"admin key: {text} (kept in {kept})" if sys.stdout.isatty() else f"admin key: in {kept}"
    ]
    if done.replaced is None:
        lines.append("no earlier admin key was found that could be replaced")
    else:
        lines.append(f"the key {done.replaced.id} ({done.replaced.name}) is no longer valid")
    if done.others:
        lines.append(
            f"other keys with the role admin: {done.others}; see `atoll apikey list --all`"
        )
    name = renew(settings.cli_config, api_key=text, state=settings.state)
    if name is not None:
        lines.append(f"the context {name} of the command line has the new key")
    sys.stdout.write("\n".join(lines) + "\n")
