"""A small client of the Vultr dialect, for tests: paths without their prefix, JSON in and out."""

from collections.abc import Iterator
from typing import Any

import httpx2

from tests.api.client import Json, answered

PREFIX = "/v2"


class Vultr:
    """One key's view; without a key, anybody's. `call` answers the response; the others assert
    that it went well."""

    def __init__(self, url: str, key: str | None) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx2.Client(base_url=url, headers=headers, timeout=70)

    def close(self) -> None:
        self.http.close()

    def call(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        given = {} if body is None else {"json": body}
        return self.http.request(method, PREFIX + path, **given)

    def get(self, path: str) -> Any:
        return answered(self.call("GET", path), 200)

    def post(self, path: str, body: Any = None, status: int = 201) -> Any:
        return answered(self.call("POST", path, body), status)

    def put(self, path: str, body: Any, status: int = 204) -> Any:
        return answered(self.call("PUT", path, body), status)

    def patch(self, path: str, body: Any, status: int = 204) -> Any:
        return answered(self.call("PATCH", path, body), status)

    def delete(self, path: str, status: int = 204) -> Any:
        return answered(self.call("DELETE", path), status)

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
