"""The list of commands: for the overview, and for the parser, which loads each when it is used."""

from typing import NamedTuple

PACKAGE = "atoll.cli.commands"


class Command(NamedTuple):
    """`at` is a module of `commands/`, and the app or the function in it."""

    name: str
    at: str
    help: str

    @property
    def target(self) -> str:
        return f"{PACKAGE}.{self.at}"


COMMANDS = (
    Command("up", "up:up", "start Atoll here"),
    Command("status", "status:status", "the server, its hosts, what is going on"),
    Command("login", "login:login", "keep a server's URL and key"),
    Command("instance", "instances:app", "create, use and delete instances"),
    Command("image", "images:app", "the disks that instances start from"),
    Command("volume", "volumes:app", "disks that outlive instances"),
    Command("snapshot", "snapshots:app", "root disks as they were"),
    Command("vpc", "vpcs:app", "private networks"),
    Command("subnet", "subnets:app", "the parts of private networks"),
    Command("group", "security_groups:app", "security groups: which ports are open"),
    Command("floating-ip", "floating_ips:app", "addresses that move between instances"),
    Command("reverse-dns", "reverse_dns:app", "the names of addresses"),
    Command("key", "ssh_keys:app", "the ssh keys that instances are given"),
    Command("startup-script", "startup_scripts:app", "what new guests run at their first boot"),
    Command("operation", "operations:app", "what is carried out, and what became of it"),
    Command("events", "events:events", "what happened, and what happens"),
    Command("webhook", "webhooks:app", "who else is told what happens"),
    Command("registry", "apis:app", "APIs as tools for software agents"),
    Command("type", "plans:app", "the sizes of instances"),
    Command("region", "regions:app", "where instances can be"),
    Command("host", "hosts:app", "the machines that run guests"),
    Command("quota", "quotas:app", "what a project has, and may have"),
    Command("project", "projects:app", "the owners of all that"),
    Command("apikey", "api_keys:app", "the keys that open the API"),
)
