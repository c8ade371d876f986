"""A small client of the native dialect, for tests: JSON in and out, and things by default."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx2

from tests.api.keys import ED25519

numbers = count(1)
Json = dict[str, Any]


def fresh(word: str) -> str:
    """A name that no other test uses."""
    return f"{word}-{next(numbers)}"


class Api:
    """One key's view. `call` answers the response; the others assert that it went well."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key
        self.key_id = ""
        self.project = ""
        self.http = httpx2.Client(
            base_url=url, headers={"X-API-Key": key}, timeout=70, verify=False
        )

    def close(self) -> None:
        self.http.close()

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        """`more` are headers, with underscores for hyphens."""
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        given = {} if body is None else {"json": body}
        return self.http.request(method, path, headers=headers, **given)

    def get(self, path: str, **headers: str) -> Any:
        return answered(self.call("GET", path, **headers), 200)

    def post(self, path: str, body: Any = None, status: int = 201, **headers: str) -> Any:
        return answered(self.call("POST", path, body, **headers), status)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return answered(self.call("PATCH", path, body, **headers), 200)

    def delete(self, path: str, status: int = 204, **headers: str) -> Any:
        return answered(self.call("DELETE", path, **headers), status)

    def items(self, path: str) -> list[Any]:
        listed: list[Any] = self.get(path)["items"]
        return listed

    def every_page(self, path: str) -> Iterator[list[Any]]:
        """Follows `next` to the end."""
        joint = "&" if "?" in path else "?"
        following = path
        while True:
            page = self.get(following)
            yield page["items"]
            if page["next"] is None:
                return
            following = f"{path}{joint}cursor={page['next']}"

    def create(self, name: str | None = None, labels: Json | None = None, **spec: Any) -> Json:
        """An accepted instance of the smallest type."""
        body = instance_body(name or fresh("i"), labels, **spec)
        created: Json = self.post("/v1/instances", body)
        return created

    def running(self, name: str | None = None, labels: Json | None = None, **spec: Any) -> Json:
        """An instance whose first boot is over."""
        created = self.create(name, labels, **spec)
        self.ended(created["operation_id"], "completed")
        shown: Json = self.get(f"/v1/instances/{created['id']}?wait=30&until=ready")
        assert shown["status"]["ready"], shown["status"]
        return shown

    def ended(self, operation_id: str, status: str) -> Json:
        """The operation after its end."""
        operation: Json = self.get(f"/v1/operations/{operation_id}?wait=30")
        assert operation["status"] == status, operation
        return operation

    def fault(self, **fault: Any) -> str:
        planned = self.post("/v1/simulator/faults", fault)
        return str(planned["id"])

    def named(self, noun: str, name: str | None = None, **spec: Any) -> Json:
        body = {"metadata": {"name": name or fresh(noun)}, "spec": spec or SPECS[noun]}
        created: Json = self.post(f"/v1/{noun}", body)
        return created


class Foreign:
    """One key's view of another cloud's dialect, by paths without its `prefix`; without a key,
    anybody's. `call` answers the response; the others assert that it went well."""

    prefix = ""

    def __init__(self, url: str, key: str | None) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # To load the certificates of authorities, which nothing here needs, takes 25 ms.
        self.http = httpx2.Client(base_url=url, headers=headers, timeout=70, verify=False)

    def close(self) -> None:
        self.http.close()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        given = {} if body is None else {"json": body}
        return self.http.request(method, self.prefix + path, headers=headers, **given)

    def get(self, path: str) -> Any:
        return answered(self.call("GET", path), 200)

    def post(self, path: str, body: Any = None, status: int = 201) -> Any:
        return answered(self.call("POST", path, body), status)

    def delete(self, path: str, status: int = 204) -> Any:
        return answered(self.call("DELETE", path), status)


SPECS: dict[str, Json] = {
    "ssh-keys": {"public_key": ED25519},
    "vpcs": {"cidr": "10.0.0.0/16"},
    "security-groups": {"rules": [{"protocol": "tcp", "port": 443}]},
}


def instance_body(name: str, labels: Json | None = None, **spec: Any) -> Json:
    metadata: Json = {"name": name} if labels is None else {"name": name, "labels": labels}
    return {"metadata": metadata, "spec": {"type": "mini", "image": "atoll-mini"} | spec}


def answered(response: httpx2.Response, status: int) -> Any:
    assert response.status_code == status, response.text
    return response.json() if response.content else None
