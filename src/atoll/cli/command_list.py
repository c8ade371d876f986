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
    Command("up", "up:up", "start the server on this machine"),
    Command("admin-key", "admin_key:admin_key", "replace a lost admin key on this machine"),
    Command("status", "status:status", "show the server, its hosts, instances and operations"),
    Command("login", "login:login", "save a server's URL and API key"),
    Command("context", "contexts:app", "list and select the servers that commands talk to"),
    Command("instance", "instances:app", "create, use and delete instances"),
    Command("image", "images:app", "list, build and import images"),
    Command("volume", "volumes:app", "create, attach and resize volumes"),
    Command("snapshot", "snapshots:app", "create, clone and delete snapshots"),
    Command("vpc", "vpcs:app", "manage private networks"),
    Command("subnet", "subnets:app", "manage the subnets of private networks"),
    Command("group", "security_groups:app", "manage security groups and their rules"),
    Command("floating-ip", "floating_ips:app", "reserve, attach and detach floating IPs"),
    Command("reverse-dns", "reverse_dns:app", "set the DNS names of addresses"),
    Command("key", "ssh_keys:app", "manage the SSH keys of new instances"),
    Command("startup-script", "startup_scripts:app", "manage scripts that run at first boot"),
    Command("operation", "operations:app", "list, watch, cancel and retry operations"),
    Command("events", "events:events", "print or follow events"),
    Command("webhook", "webhooks:app", "send events to a URL"),
    Command("registry", "apis:app", "manage the APIs that agents can use as tools"),
    Command("type", "plans:app", "list and create instance types"),
    Command("region", "regions:app", "list regions"),
    Command("host", "hosts:app", "list, enable, disable and remove hosts"),
    Command("quota", "quotas:app", "show and set project quotas"),
    Command("project", "projects:app", "create, list and delete projects"),
    Command("apikey", "api_keys:app", "create, list and delete API keys"),
)
