"""`atoll context …`: the servers that the command line knows, by name; one of them is current."""

import sys
from typing import Annotated, Any

from cyclopts import App, Parameter

from atoll.cli.contexts import Contexts
from atoll.cli.errors import Usage
from atoll.cli.output import Column, Output
from atoll.cli.session import Yes, confirm
from atoll.cli.settings import Surroundings

COLUMNS = (
    Column("current", "current"),
    Column("name", "name"),
    Column("url", "url"),
    Column("state directory", "state"),
)
HINT_CHARACTERS = 4

Name = Annotated[str, Parameter(help="Name of the context.")]
AsJson = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON instead of text.")]

app = App(name="context")


def read() -> Contexts:
    return Contexts.read(Surroundings.of_this_process().contexts_file)


def shown(contexts: Contexts, name: str) -> dict[str, Any]:
    """A context without its key."""
    one = contexts.get(name)
    key = one.get("api_key") or ""
    return {
        "name": name,
        "current": name == contexts.current,
        "url": one["url"],
        "key_hint": f"…{key[-HINT_CHARACTERS:]}" if key else None,
        "state": one.get("state"),
    }


@app.command(name="list")
def list_contexts(*, json: AsJson = False) -> None:
    """List the known servers. `atoll up` and `atoll login` add them."""
    contexts = read()
    output = Output(as_json=json, out=sys.stdout, err=sys.stderr)
    items = [shown(contexts, name) for name in sorted(contexts.by_name)]
    if json:
        output.json({"items": items})
        return
    if not items:
        output.note("no contexts yet: `atoll up` and `atoll login` add them")
        return
    output.table(COLUMNS, [{**one, "current": "*" if one["current"] else " "} for one in items])


@app.command
def show(
    name: Annotated[str | None, Parameter(help="Name. Default: the current one.")] = None,
    /,
    *,
    json: AsJson = False,
) -> None:
    """Show a context."""
    contexts = read()
    output = Output(as_json=json, out=sys.stdout, err=sys.stderr)
    name = name or contexts.current
    if not name:
        raise Usage("no context is current; see `atoll context list`")
    if json:
        output.json(shown(contexts, name))
    else:
        output.fields(shown(contexts, name))


@app.command
def use(name: Name, /, *, json: AsJson = False) -> None:
    """Set the current context."""
    contexts = read()
    url = contexts.get(name)["url"]
    contexts.current = name
    contexts.write()
    output = Output(as_json=json, out=sys.stdout, err=sys.stderr)
    if json:
        output.json(shown(contexts, name))
    else:
        output.line(f"commands now use {name}: {url}")


@app.command
def delete(name: Name, /, *, yes: Yes = False, json: AsJson = False) -> None:
    """Delete a context, and the key that is saved with it. The server is not touched."""
    contexts = read()
    gone = shown(contexts, name)
    output = Output(as_json=json, out=sys.stdout, err=sys.stderr)
    confirm(output, f"Delete the context {name} ({gone['url']}) and its saved key?", yes=yes)
    del contexts.by_name[name]
    if contexts.current == name:
        contexts.current = ""
    contexts.write()
    if json:
        output.json(gone)
    else:
        output.line(f"{name} deleted")
