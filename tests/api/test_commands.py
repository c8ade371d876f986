"""Each route that changes something says which commands it makes, and every command has a route."""

from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from atoll.api.serving import COMMANDS
from atoll.domain.actions import ACTIONS
from atoll.domain.commands import Command
from atoll.service.handlers import HANDLERS
from tests.support import documents

APPS = {
    "native": documents.native(),
    "vultr": documents.vultr(),
    "genesis": documents.genesis(),
}
READING = {"GET", "HEAD", "OPTIONS"}
FAULTS = "faults are the simulator's plan: they are of no project and leave no audit record"
NO_USERS = "who may do what is a matter of API keys: the route refuses"
NO_FILE_SYSTEMS = "there are no file systems: the route refuses"
NO_IPV6 = "no guest has a public IPv6 address: the route refuses"
NOT_SERVED = "Atoll has nothing of the kind: the route refuses"
CHANGES_NOTHING = {
    "createFault": FAULTS, "deleteFault": FAULTS, "deleteFaults": FAULTS,
    "create-user": NO_USERS, "update-user": NO_USERS, "delete-user": NO_USERS,
    "create-instance-reverse-ipv6": NO_IPV6, "delete-instance-reverse-ipv6": NO_IPV6,
    "createFilesystem": NO_FILE_SYSTEMS, "updateFilesystem": NO_FILE_SYSTEMS,
    "deleteFilesystem": NO_FILE_SYSTEMS, None: NOT_SERVED,
}  # fmt: skip


def changing_routes(app: Litestar) -> Iterator[tuple[str, HTTPRouteHandler]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                if set(handler.http_methods) - READING:
                    yield route.path, handler


def commands_of(handler: HTTPRouteHandler) -> tuple[type[Command], ...]:
    declared: tuple[type[Command], ...] = handler.opt.get(COMMANDS, ())
    return declared


def every_command(kind: type[Command] = Command) -> set[type[Command]]:
    return {one for sub in kind.__subclasses__() for one in {sub, *every_command(sub)}}


@pytest.mark.parametrize("dialect", APPS)
def test_a_route_that_changes_something_declares_its_commands(dialect: str) -> None:
    silent = [
        f"{'/'.join(sorted(handler.http_methods))} {path}"
        for path, handler in changing_routes(APPS[dialect])
        if not commands_of(handler) and handler.operation_id not in CHANGES_NOTHING
    ]
    assert silent == []


def test_no_route_is_excused_that_declares_commands() -> None:
    declaring = {
        handler.operation_id
        for app in APPS.values()
        for _, handler in changing_routes(app)
        if commands_of(handler)
    }
    assert declaring & set(CHANGES_NOTHING) == set()


def test_every_command_has_a_route_a_handler_and_a_row_in_the_table_of_actions() -> None:
    declared = {
        command
        for app in APPS.values()
        for _, handler in changing_routes(app)
        for command in commands_of(handler)
    }
    assert every_command() == declared == set(HANDLERS) == set(ACTIONS)


def test_no_two_commands_have_one_name_in_the_audit() -> None:
    names = [action.name for action in ACTIONS.values()]
    assert sorted(names) == sorted(set(names))
