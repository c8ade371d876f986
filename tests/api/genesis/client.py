"""A small client of the Genesis Cloud dialect, for tests: paths without their prefix."""

from collections.abc import Iterator
from typing import Any

from tests.api.client import Foreign, Json, answered


class Genesis(Foreign):
    prefix = "/compute/v1"

    def patch(self, path: str, body: Any) -> Any:
        return answered(self.call("PATCH", path, body), 200)

    def refused(self, method: str, path: str, body: Any = None, status: int = 400) -> str:
        """The message of an error of this status."""
        return self.refusal(method, path, body, status)[1]

    def refusal(
        self, method: str, path: str, body: Any = None, status: int = 400
    ) -> tuple[str, str]:
        """Its code and its message."""
        told: Json = answered(self.call(method, path, body), status)
        assert told.keys() == {"code", "message"}
        assert all(isinstance(value, str) and value for value in told.values())
        return told["code"], told["message"]

    def pages(self, path: str, plural: str, per_page: int) -> Iterator[list[Any]]:
        """From the first to the last."""
        joint = "&" if "?" in path else "?"
        number, seen = 1, 0
        while True:
            page = self.get(f"{path}{joint}per_page={per_page}&page={number}")
            assert (page["page"], page["per_page"]) == (number, per_page)
            yield page[plural]
            seen, number = seen + len(page[plural]), number + 1
            if seen >= page["total_count"]:
                return
