"""A small client of the Vultr dialect, for tests: paths without their prefix, JSON in and out."""

from collections.abc import Iterator
from typing import Any

from tests.api.client import Foreign, Json, answered


class Vultr(Foreign):
    prefix = "/v2"

    def put(self, path: str, body: Any, status: int = 204) -> Any:
        return answered(self.call("PUT", path, body), status)

    def patch(self, path: str, body: Any, status: int = 204) -> Any:
        return answered(self.call("PATCH", path, body), status)

    def refused(self, method: str, path: str, body: Any = None, status: int = 400) -> str:
        """The text of an error of this status."""
        response = self.call(method, path, body)
        told: Json = answered(response, status)
        assert told.keys() == {"error", "status"}
        assert told["status"] == status
        assert f'"status":{status}' in response.text, "clients look for it without a space"
        return str(told["error"])

    def pages(self, path: str, key: str, per_page: int, way: str = "next") -> Iterator[list[Any]]:
        """Follows the cursors to the end."""
        joint = "&" if "?" in path else "?"
        first = f"{path}{joint}per_page={per_page}"
        following = first
        while True:
            page = self.get(following)
            yield page[key]
            cursor = page["meta"]["links"][way]
            if not cursor:
                return
            following = f"{first}&cursor={cursor}"


def types_of(thing: Json) -> dict[str, type]:
    return {key: type(value) for key, value in thing.items()}
