"""`atoll group …`: security groups, the firewall rules of instances."""

from typing import Annotated

from cyclopts import App, Parameter

from atoll.cli.client import Client, Json
from atoll.cli.errors import Usage
from atoll.cli.nouns import Noun
from atoll.cli.output import Column
from atoll.cli.security_rules import (
    ANYBODY,
    GROUPS,
    Peer,
    Protocol,
    peer_of,
    ports_of,
    rule_from,
    same_rule,
    words_of,
)
from atoll.cli.session import (
    NEAREST,
    Connection,
    Labelled,
    Labels,
    Limit,
    Named,
    Reference,
    Session,
    labels_from,
    listed,
)

COLUMNS = (Column("name", "name"), Column("rules", "rules"), Column("id", "id"))
RULES = (
    Column("direction", "direction"),
    Column("protocol", "protocol"),
    Column("ports", "ports"),
    Column("peer", "peer"),
)
# A group without an egress rule allows all outgoing traffic; this rule allows none.
OUT_TO_NOBODY: Json = {"direction": "egress", "protocol": "all", "cidr": "0.0.0.0/32"}
Ports = Annotated[str | None, Parameter(help="Port or range: 80, 8000-8100. Default: all ports.")]
What = Annotated[Protocol, Parameter(help="Protocol of the rule.")]

app = App(name="group")
SECURITY_GROUPS = Noun(app=app, one="a security group", path=GROUPS)
SECURITY_GROUPS.add_rename()
SECURITY_GROUPS.add_label()
SECURITY_GROUPS.add_delete("Delete a security group. No instance may be using it.")


@app.command
def create(
    name: Annotated[str, Parameter(help="Name of the group.")],
    /,
    *,
    egress: Annotated[bool, Parameter(help="Allow all outgoing traffic.")] = True,
    label: Labels = None,
    connection: Connection = NEAREST,
) -> None:
    """Create a security group without ingress rules. Add rules with `allow`."""
    metadata: Json = {"name": name, "labels": labels_from(label or ())}
    rules = [] if egress else [OUT_TO_NOBODY]
    with connection.open() as session:
        body: Json = {"metadata": metadata, "spec": {"rules": rules}}
        answer = session.client.change("POST", GROUPS, body)
        hint = f"allow traffic with `atoll group allow {name} tcp 80`"
        session.done(answer, f"{name} created: {answer['id']}; {hint}")


@app.command(name="list")
def list_groups(
    *,
    name: Named = None,
    label: Labelled = None,
    limit: Limit = None,
    connection: Connection = NEAREST,
) -> None:
    """List security groups and their rules."""
    with connection.open() as session:
        page = session.client.items(GROUPS, listed(name, label), limit=limit)
        if session.output.as_json:
            session.output.json(page)
            return
        names = names_in(page["items"])
        rows = [
            {
                "name": group["metadata"]["name"],
                "rules": [words_of(rule, names) for rule in group["spec"]["rules"]],
                "id": group["id"],
            }
            for group in page["items"]
        ]
        session.output.table(COLUMNS, rows)


def names_in(groups: list[Json]) -> dict[str, str]:
    return {group["id"]: group["metadata"]["name"] for group in groups}


@app.command
def show(group: Reference, /, *, connection: Connection = NEAREST) -> None:
    """Show a security group and its rules."""
    with connection.open() as session:
        found = session.client.find(GROUPS, group)
        if session.output.as_json:
            session.output.json(found)
            return
        session.output.fields({"id": found["id"], "metadata": found["metadata"]})
        session.output.line()
        rules = found["spec"]["rules"]
        names = names_of(session.client, rules)
        rows = [{**rule, "ports": ports_of(rule), "peer": peer_of(rule, names)} for rule in rules]
        session.output.table(RULES, rows)


def names_of(client: Client, rules: list[Json]) -> dict[str, str]:
    """Map ids to names for the groups that rules refer to."""
    if not any(rule.get("group") for rule in rules):
        return {}
    return names_in(client.items(GROUPS)["items"])


@app.command
def allow(
    group: Reference,
    protocol: What,
    ports: Ports = None,
    /,
    *,
    peer: Peer = ANYBODY,
    connection: Connection = NEAREST,
) -> None:
    """Add a rule that allows traffic to or from the members of a group."""
    with connection.open() as session:
        rule = rule_from(session.client, protocol, ports, peer)

        def with_rule(found: Json) -> Json | None:
            rules = found["spec"]["rules"]
            if any(same_rule(rule, one) for one in rules):
                return None
            return {"spec": {"rules": [*rules, rule]}}

        answer = SECURITY_GROUPS.edit(session.client, group, with_rule)
        session.done(answer, f"{group} allows {said(session, rule)}")


@app.command
def deny(
    group: Reference,
    protocol: What,
    ports: Ports = None,
    /,
    *,
    peer: Peer = ANYBODY,
    connection: Connection = NEAREST,
) -> None:
    """Remove a rule, given as in `allow`. Incoming traffic without a rule is dropped; outgoing
    traffic is dropped only if the group has an egress rule."""
    with connection.open() as session:
        rule = rule_from(session.client, protocol, ports, peer)

        def without_rule(found: Json) -> Json:
            rules = found["spec"]["rules"]
            rest = [one for one in rules if not same_rule(rule, one)]
            if len(rest) == len(rules):
                names = names_of(session.client, rules)
                existing = "; ".join(words_of(one, names) for one in rules)
                has = f"its rules are {existing}" if rules else "it has no rules"
                raise Usage(f"{group} has no rule `{said(session, rule)}`: {has}")
            return {"spec": {"rules": rest}}

        answer = SECURITY_GROUPS.edit(session.client, group, without_rule)
        session.done(answer, f"{group} no longer allows {said(session, rule)}")


def said(session: Session, rule: Json) -> str:
    return words_of(rule, names_of(session.client, [rule]))
