"""What walks through vendors' documents have in common: asking, noting, waiting."""

import time
from collections.abc import Callable
from typing import Any

import httpx2

LOOK_S, PATIENCE_S = 0.05, 30


class Walker:
    """`answers` are the bodies of each operation that succeeded, `refusals` the sentences of those
    that have no meaning here, `deviations` what is not as it is expected."""

    def __init__(
        self,
        base_url: str,
        headers: dict[str, str],
        deviations_of: Callable[[str, int, Any], list[str]],
    ) -> None:
        self.http = httpx2.Client(base_url=base_url, headers=headers, timeout=60)
        self.answers: dict[str, list[Any]] = {}
        self.refusals: dict[str, str] = {}
        self.deviations: list[str] = []
        self._deviations_of = deviations_of

    def noted(self, name: str, method: str, path: str, body: Any, said: str) -> Any:
        """The answer. What is refused as having no meaning here is noted, too: `said` is where an
        error has its sentence. What is busy is asked again."""
        given = {} if body is None else {"json": body}
        response = self.http.request(method, path, **given)
        while response.status_code == 429:
            time.sleep(LOOK_S)
            response = self.http.request(method, path, **given)
        if response.status_code >= 400:
            assert response.status_code < 500, response.text
            self.refusals[name] = response.json()[said]
            return response.json()
        answer = response.json() if response.content else None
        self.answers.setdefault(name, []).append(answer)
        self.deviations += self._deviations_of(name, response.status_code, answer)
        return answer

    def until(self, look: Callable[[], Any]) -> Any:
        last = time.monotonic() + PATIENCE_S
        while not (seen := look()):
            assert time.monotonic() < last, self.refusals
            time.sleep(LOOK_S)
        return seen
