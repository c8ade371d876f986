"""`GET /v1/instances/{id}` without parameters, the most frequent request: clients poll with it.

The framework's routing, parsing and response take three times as long as the read, so this answers
without it. All else, and every error, is left to the framework, and so are readers from whom
secrets are hidden.
"""

from litestar.types import HTTPScope

from atoll.api.http import Plain, Quick
from atoll.api.rendered import Rendered
from atoll.domain.instances import Instance
from atoll.domain.projects import Caller
from atoll.service import queries
from atoll.service.bundle import Services
from atoll.service.nouns import INSTANCES

PLACE = "/v1/instances"


def read_instance(services: Services, rendered: Rendered[Instance]) -> Quick:
    async def quick(scope: HTTPScope, caller: Caller) -> Plain | None:
        if scope["method"] != "GET" or scope["query_string"]:
            return None
        place, _, instance_id = scope["path"].rpartition("/")
        if place != PLACE:
            return None
        view = services.desk.view(caller)
        if not view.may("write"):
            return None
        instance = await queries.find_by_id(view, INSTANCES, instance_id)
        if instance is None or services.passwords.of(instance) is not None:
            return None
        return Plain(200, rendered.json_of(instance), ((b"etag", b'"%d"' % instance.version),))

    return quick
