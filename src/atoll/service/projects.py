"""Handles commands on projects and API keys, and creates the first ones of a new database."""

import contextlib

import msgspec

from atoll.domain import ids
from atoll.domain.commands import CreateApiKey, CreateProject, DeleteApiKey, DeleteProject
from atoll.domain.errors import AlreadyExists, Forbidden, InUse, Invalid, NotFound
from atoll.domain.instances import InstanceState
from atoll.domain.projects import RIGHTS, ApiKey, Project, Role
from atoll.domain.quotas import Amounts
from atoll.domain.reasons import Reason
from atoll.domain.security_groups import BUILT_IN, SecurityGroup, number_rules
from atoll.ports import Clock, Filter, Ids, Store, Transaction
from atoll.service import queries, references
from atoll.service.desk import Case, Done, View
from atoll.service.installation import mark_of
from atoll.service.keys import Keys, new_text
from atoll.service.nouns import API_KEYS, INSTANCES, NOUNS, PROJECTS, SECURITY_GROUPS

DEFAULT_PROJECT = "default"
FIRST_KEY = CreateApiKey(name="admin", role=Role.ADMIN)
HINT_LENGTH = 4
PROJECTS_MAX = 10_000
PAGE = 500
# An admin key that expires earlier does not keep another one from being deleted.
ADMIN_LASTS_MS = 24 * 3600 * 1000


def add_project(tx: Transaction, new_ids: Ids, name: str, now_ms: int) -> Project:
    """Add a project with its built-in security groups."""
    project = Project(id=new_ids.new(ids.PROJECT), name=name, created_at_ms=now_ms)
    tx.projects.add(project)
    tx.quotas.add(project.id)
    for group in BUILT_IN:
        add_group(tx, new_ids, project.id, group, now_ms)
    return project


def add_group(tx: Transaction, new_ids: Ids, project_id: str, name: str, now_ms: int) -> None:
    tx.security_groups.add(
        SecurityGroup(
            id=new_ids.new(ids.SECURITY_GROUP),
            project_id=project_id,
            name=name,
            rules=number_rules(BUILT_IN[name]),
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
    )


async def ensure_groups(store: Store, clock: Clock, new_ids: Ids) -> None:
    """Add missing built-in groups to projects of earlier versions, which had fewer and allowed
    deleting them."""
    tx = store.read()
    projects = await tx.projects.page(Filter(limit=PROJECTS_MAX))
    for name in BUILT_IN:
        found = await tx.security_groups.page(Filter(name=name, limit=PROJECTS_MAX))
        having = {group.project_id for group in found}
        for project in projects:
            if project.id not in having:
                await ensure_group(store, new_ids, project.id, name, clock.now_ms())


async def ensure_group(store: Store, new_ids: Ids, project_id: str, name: str, now_ms: int) -> None:
    # Another server may start at the same time.
    with contextlib.suppress(AlreadyExists):
        async with store.transaction() as tx:
            tx.security_groups.claim_name(project_id, name)
            add_group(tx, new_ids, project_id, name, now_ms)


async def ensure_first_key(store: Store, clock: Clock, new_ids: Ids, keys: Keys, text: str) -> bool:
    """Create the default project and its admin key with this text, if there is no project yet."""
    now_ms = clock.now_ms()
    async with store.transaction() as tx:
        if await tx.projects.page(Filter(limit=1)):
            return False
        project = add_project(tx, new_ids, DEFAULT_PROJECT, now_ms)
        key = key_of(new_ids, keys, text, project.id, FIRST_KEY, now_ms)
        tx.api_keys.add(key)
        tx.installation.add(mark_of(keys, key.id, now_ms))
    return True


def key_of(
    new_ids: Ids, keys: Keys, text: str, project_id: str, command: CreateApiKey, now_ms: int
) -> ApiKey:
    return ApiKey(
        id=new_ids.new(ids.API_KEY),
        project_id=project_id,
        name=command.name,
        role=command.role,
        digest=keys.digest(text),
        hint=f"…{text[-HINT_LENGTH:]}",
        limit_class=command.limit_class,
        expires_at_ms=command.expires_at_ms,
        created_at_ms=now_ms,
    )


async def create_key(case: Case, command: CreateApiKey) -> Done[ApiKey]:
    """Create a key. Its text is shown once, with the outcome, and not stored."""
    references.require_name(command.name)
    if not RIGHTS[command.role] <= RIGHTS[case.caller.role]:
        raise Forbidden(Reason.ROLE_TOO_HIGH, role=command.role)
    classes = case.deployment.limit_classes
    if command.limit_class is not None and command.limit_class not in classes:
        raise Invalid(Reason.NOT_ONE_OF, field="limit_class", allowed=sorted(classes))
    if command.expires_at_ms is not None and command.expires_at_ms <= case.now_ms:
        raise Invalid(Reason.IN_THE_PAST, field="expires_at_ms")
    project_id = case.project_id
    if command.project is not None:
        project = await resolve_project(case, command.project)
        case.tx.projects.confirm(project)  # it may be deleted at the same time
        project_id = project.id
    text = new_text(case.deployment.new_secret())
    key = key_of(case.ids, case.deployment.keys, text, project_id, command, case.now_ms)
    case.tx.api_keys.add(key)
    return Done(key, after={"name": key.name, "role": key.role}, secret=text)


async def delete_key(case: Case, command: DeleteApiKey) -> Done[ApiKey]:
    """Delete a key by its id in any project, or by its name in the caller's project."""
    key = await key_referred_to(case, command.api_key)
    if key.role is Role.ADMIN:
        await require_another_admin(case, key)
    case.tx.api_keys.remove(key)
    case.deployment.keys.forget()
    return Done(key, before={"name": key.name, "role": key.role})


async def key_referred_to(view: View, reference: str) -> ApiKey:
    """Raises NotFound."""
    by_id = await view.tx.api_keys.find(reference)
    return by_id or await references.get(view, API_KEYS, reference, "api_key")


async def require_another_admin(case: Case, key: ApiKey) -> None:
    """Raises InUse if no other key could create keys tomorrow. The commit confirms the other one:
    two admins may delete each other's key at the same time."""
    lasting_ms = case.now_ms + ADMIN_LASTS_MS
    after: str | None = None
    while True:
        admins = (("role", Role.ADMIN.value),)
        page = await case.tx.api_keys.page(Filter(equals=admins, after=after, limit=PAGE))
        for one in page:
            if one.id != key.id and not one.is_expired(lasting_ms):
                case.tx.api_keys.confirm(one)
                return
        if len(page) < PAGE:
            raise InUse(Reason.LAST_ADMIN_KEY, name=key.name)
        after = page[-1].id


async def find_keys(
    view: View, wanted: queries.Query, *, project: str | None = None, everywhere: bool = False
) -> list[ApiKey]:
    """Return the keys of a project, by default the caller's, or those of all projects."""
    view.require("administer")
    project_id = None if everywhere else view.project_id
    if project is not None:
        project_id = (await get_project(view, project)).id
    found = await view.tx.api_keys.page(msgspec.structs.replace(wanted, project_id=project_id))
    return queries.seen(view, found)


async def get_key(view: View, reference: str) -> ApiKey:
    """Get a key by its id in any project, or by its name in the caller's. Raises NotFound."""
    view.require("administer")
    return queries.seen(view, [await key_referred_to(view, reference)])[0]


async def get_project(view: View, reference: str) -> Project:
    """Get a project by id or name. Raises NotFound."""
    view.require("administer")
    found = await find_project(view, reference)
    if found is None:
        raise NotFound(Reason.NOT_FOUND, field="project", noun=PROJECTS.name, reference=reference)
    return found


async def find_projects(view: View, wanted: queries.Query) -> list[Project]:
    view.require("administer")
    return await queries.find_page(view, PROJECTS, wanted)


async def create_project(case: Case, command: CreateProject) -> Done[Project]:
    references.require_name(command.name)
    if await case.tx.projects.page(Filter(name=command.name, limit=1)):
        raise AlreadyExists(
            Reason.ALREADY_EXISTS, field="name", noun=PROJECTS.name, name=command.name
        )
    project = add_project(case.tx, case.ids, command.name, case.now_ms)
    return Done(project, after={"name": command.name})


async def delete_project(case: Case, command: DeleteProject) -> Done[Project]:
    """Delete an empty project. The commit fails if something is created in it meanwhile."""
    project = await get_project(case, command.project)
    groups = await case.tx.security_groups.page(Filter(project_id=project.id, limit=PAGE))
    if what := await contents(case, project.id, groups):
        raise InUse(Reason.PROJECT_NOT_EMPTY, name=project.name, what=", ".join(what))
    for group in groups:
        case.tx.security_groups.remove(group)
    case.tx.quotas.remove(project.id)
    case.tx.projects.remove(project)
    return Done(project, before={"name": project.name})


async def contents(view: View, project_id: str, groups: list[SecurityGroup]) -> list[str]:
    """Count what is in a project, apart from the built-in security groups and what is deleted."""
    found = []
    for noun in NOUNS:
        if not noun.is_owned:
            continue
        count = await noun.rows(view.tx).count(Filter(project_id=project_id))
        if noun is INSTANCES:
            deleted = Filter(project_id=project_id, equals=(("state", InstanceState.DELETED),))
            count -= await view.tx.instances.count(deleted)
        if noun is SECURITY_GROUPS:
            count -= sum(group.name in BUILT_IN for group in groups)
        if count:
            found.append(f"{count} {noun.name}{'' if count == 1 else 's'}")
    quota = await view.tx.quotas.find(project_id)
    if not found and quota is not None and quota.used != Amounts():
        found.append("deleted instances that can still be recovered")
    return found


async def find_project(view: View, reference: str) -> Project | None:
    if found := await view.tx.projects.find(reference):
        return found
    named = await view.tx.projects.page(Filter(name=reference, limit=1))
    return named[0] if named else None


async def resolve_project(view: View, reference: str) -> Project:
    """Raises Invalid."""
    found = await find_project(view, reference)
    if found is None:
        raise Invalid(Reason.NO_SUCH_PROJECT, field="project", reference=reference)
    return found
