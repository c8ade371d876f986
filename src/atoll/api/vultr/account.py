"""`/v2/account`: the project of the API key. Balances are zero, because nothing is billed."""

import msgspec
from litestar import Controller, Response, get

from atoll.api.http import Call
from atoll.api.vultr import wire
from atoll.api.vultr.wire import view_of
from atoll.domain.projects import RIGHTS, Role
from atoll.service import queries
from atoll.service.nouns import PROJECTS

# What each right lets a key do, in Vultr's words.
ACLS = {
    "read": ("subscriptions_view",),
    "write": ("subscriptions", "provisioning", "upgrade", "firewall"),
    "administer": ("manage_users",),
}


class AccountOut(msgspec.Struct, kw_only=True):
    name: str
    acls: list[str]
    email: str = ""
    balance: int = 0
    pending_charges: int = 0
    last_payment_date: str = ""
    last_payment_amount: int = 0


class AccountAnswer(msgspec.Struct, kw_only=True):
    account: AccountOut


def acls_of(role: Role) -> list[str]:
    return [word for right, words in ACLS.items() if right in RIGHTS[role] for word in words]


class Account(Controller):
    path = "/account"
    tags = ("account",)

    @get("/", operation_id="get-account", summary="Get Account Info",
         responses=wire.ANY_ERROR | wire.shown(AccountAnswer, "the account"))  # fmt: skip
    async def read(self, request: Call) -> Response[bytes]:
        view = view_of(request)
        project = await queries.get_by_id(view, PROJECTS, view.project_id)
        account = AccountOut(name=project.name, acls=acls_of(view.caller.role))
        return wire.answer(AccountAnswer(account=account))
