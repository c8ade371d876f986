"""The list of commands: for the overview, and for the parser, which loads each when it is used."""

from typing import NamedTuple


class Command(NamedTuple):
    name: str
    target: str
    help: str


COMMANDS = (
    Command("up", "atoll.cli.up:up", "start Atoll here"),
    Command("status", "atoll.cli.status:status", "the server, its hosts, what is going on"),
    Command("login", "atoll.cli.login:login", "keep a server's URL and key"),
    Command("instance", "atoll.cli.instances:app", "create, use and delete instances"),
    Command("image", "atoll.cli.images:app", "the disks that instances start from"),
    Command("volume", "atoll.cli.volumes:app", "disks that outlive instances"),
    Command("snapshot", "atoll.cli.snapshots:app", "root disks as they were"),
    Command("vpc", "atoll.cli.vpcs:app", "private networks"),
    Command("subnet", "atoll.cli.subnets:app", "the parts of private networks"),
    Command("group", "atoll.cli.security_groups:app", "security groups: which ports are open"),
    Command("floating-ip", "atoll.cli.floating_ips:app", "addresses that move between instances"),
    Command("reverse-dns", "atoll.cli.reverse_dns:app", "the names of addresses"),
    Command("key", "atoll.cli.keys:app", "the ssh keys that instances are given"),
    Command(
        "startup-script", "atoll.cli.startup_scripts:app", "what new guests run at their first boot"
    ),
    Command("operation", "atoll.cli.operations:app", "what is carried out, and what became of it"),
    Command("events", "atoll.cli.events:events", "what happened, and what happens"),
    Command("webhook", "atoll.cli.webhooks:app", "who else is told what happens"),
    Command("registry", "atoll.cli.registry:app", "APIs as tools for software agents"),
    Command("type", "atoll.cli.types:app", "the sizes of instances"),
    Command("region", "atoll.cli.regions:app", "where instances can be"),
    Command("host", "atoll.cli.hosts:app", "the machines that run guests"),
    Command("quota", "atoll.cli.quotas:app", "what a project has, and may have"),
    Command("project", "atoll.cli.projects:app", "the owners of all that"),
    Command("apikey", "atoll.cli.apikeys:app", "the keys that open the API"),
)
