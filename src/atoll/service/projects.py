"""Use cases of projects and API keys, and who a key's text stands for."""

import base64
import contextlib
import hashlib
from collections.abc import Awaitable, Callable

from atoll.domain import ids
from atoll.domain.commands import CreateApiKey
from atoll.domain.errors import AlreadyExists, Forbidden, InUse, Invalid, Unauthenticated
from atoll.domain.projects import RIGHTS, ApiKey, Project, Role
from atoll.domain.security_groups import BUILT_IN, SecurityGroup, numbered
from atoll.ports import Clock, Filter, Ids, Store, Transaction
from atoll.service import references
from atoll.service.desk import Accepted, Case

DEFAULT_PROJECT = "default"
KEY_PREFIX = "ak_live_"
HINT_LENGTH = 4
CACHE_MS = 1000
CACHED_MAX = 10_000
PROJECTS_MAX = 10_000


class Keys:
    """Finds the key of a text. An answer is kept for a second: a revoked key works no longer."""

    def __init__(self, store: Store, clock: Clock, secret: bytes) -> None:
        self._store = store
        self._clock = clock
        self._secret = secret
        self._cached: dict[bytes, tuple[int, ApiKey]] = {}

    def digest(self, text: str) -> bytes:
        """Keyed BLAKE2b: the texts have 256 random bits, so nothing slower is needed."""
        return hashlib.blake2b(text.encode(), key=self._secret, digest_size=32).digest()

    def forget(self) -> None:
        self._cached.clear()

    async def find(self, text: str) -> ApiKey:
        """Raises Unauthenticated."""
        digest = self.digest(text)
        now_ms = self._clock.now_ms()
        until_ms, key = self._cached.get(digest, (0, None))
        if key is None or until_ms <= now_ms:
            by_digest = ((("digest", (digest,)),),)
            found = await self._store.read().api_keys.page(Filter(any_of=by_digest, limit=1))  # type: ignore[arg-type]
            if not found:
                raise Unauthenticated("this API key is not known")
            key = found[0]
            if len(self._cached) >= CACHED_MAX:
                self._cached.clear()
            self._cached[digest] = (now_ms + CACHE_MS, key)
        if key.expires_at_ms is not None and key.expires_at_ms <= now_ms:
            raise Unauthenticated("this API key has expired")
        return key


def new_text(random_256: bytes) -> str:
    return KEY_PREFIX + base64.urlsafe_b64encode(random_256).decode().rstrip("=")


def add_project(tx: Transaction, new_ids: Ids, name: str, now_ms: int) -> Project:
    """With the security groups that every project has."""
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
            rules=numbered(BUILT_IN[name]),
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )
    )


async def ensure_groups(store: Store, clock: Clock, new_ids: Ids) -> None:
    """In projects that an earlier Atoll made, which had fewer, and let them be deleted."""
    tx = store.read()
    projects = await tx.projects.page(Filter(limit=PROJECTS_MAX))
    for name in BUILT_IN:
        found = await tx.security_groups.page(Filter(name=name, limit=PROJECTS_MAX))
        having = {group.project_id for group in found}
        for project in projects:
            if project.id not in having:
                await ensure_group(store, new_ids, project.id, name, clock.now_ms())


async def ensure_group(store: Store, new_ids: Ids, project_id: str, name: str, now_ms: int) -> None:
    # Another server that starts at the same time may be faster.
    with contextlib.suppress(AlreadyExists):
        async with store.transaction() as tx:
            tx.security_groups.claim_name(project_id, name)
            add_group(tx, new_ids, project_id, name, now_ms)


async def ensure_first_key(store: Store, clock: Clock, new_ids: Ids, keys: Keys, text: str) -> bool:
    """Makes the default project and its admin key of this text, where there is no project yet."""
    now_ms = clock.now_ms()
    async with store.transaction() as tx:
        if await tx.projects.page(Filter(limit=1)):
            return False
        project = add_project(tx, new_ids, DEFAULT_PROJECT, now_ms)
        tx.api_keys.add(
            key_of(new_ids, keys, text, project.id, CreateApiKey(name="admin", role=Role.ADMIN),
                   now_ms)
        )  # fmt: skip
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


def create_key(
    command: CreateApiKey, keys: Keys, text: str, limit_classes: frozenset[str]
) -> Callable[[Case], Awaitable[Accepted[ApiKey]]]:
    async def use_case(case: Case) -> Accepted[ApiKey]:
        case.require("administer")
        references.require_name(command.name)
        if not RIGHTS[command.role] <= RIGHTS[case.caller.role]:
            raise Forbidden(f"a key may not make one with the role {command.role}")
        if command.limit_class is not None and command.limit_class not in limit_classes:
            field = "spec.limit_class"
            raise Invalid(f"{field} must be one of {', '.join(sorted(limit_classes))}", field=field)
        if command.expires_at_ms is not None and command.expires_at_ms <= case.now_ms:
            raise Invalid("spec.expires_at lies in the past", field="spec.expires_at")
        project_id = case.caller.project_id
        if command.project is not None:
            project_id = (await project_meant(case.tx, command.project)).id
        key = key_of(case.ids, keys, text, project_id, command, case.now_ms)
        case.tx.api_keys.add(key)
        case.audit("api_key.create", key.id, after={"name": key.name, "role": key.role})
        return Accepted(key)

    return use_case


def delete_key(reference: str, keys: Keys) -> Callable[[Case], Awaitable[Accepted[ApiKey]]]:
    async def use_case(case: Case) -> Accepted[ApiKey]:
        """By its id in any project, by its name in the caller's own."""
        case.require("administer")
        by_id = await case.tx.api_keys.find(reference)
        key = by_id or await references.get(
            case.tx.api_keys, case.caller.project_id, reference, "api key"
        )
        if key.role is Role.ADMIN:
            await require_another_admin(case.tx, key)
        case.tx.api_keys.remove(key)
        case.audit("api_key.delete", key.id, before={"name": key.name, "role": key.role})
        keys.forget()
        return Accepted(key)

    return use_case


async def require_another_admin(tx: Transaction, key: ApiKey) -> None:
    """Raises InUse where nobody could make a key any more."""
    admins = await tx.api_keys.page(Filter(any_of=((("role", (Role.ADMIN.value,)),),), limit=2))
    if all(one.id == key.id for one in admins):
        raise InUse(
            f"api key {key.name} is the last one with the role admin: make another one first"
        )


def create_project(name: str) -> Callable[[Case], Awaitable[Accepted[Project]]]:
    async def use_case(case: Case) -> Accepted[Project]:
        case.require("administer")
        references.require_name(name)
        if await case.tx.projects.page(Filter(name=name, limit=1)):
            raise AlreadyExists(f"project already exists: {name}", field="metadata.name")
        project = add_project(case.tx, case.ids, name, case.now_ms)
        case.audit("project.create", project.id, after={"name": name})
        return Accepted(project)

    return use_case


async def project_meant(tx: Transaction, reference: str) -> Project:
    found = await tx.projects.find(reference)
    named = [found] if found else await tx.projects.page(Filter(name=reference, limit=1))
    if not named:
        raise Invalid(f"spec.project: there is no project {reference!r}", field="spec.project")
    return named[0]
