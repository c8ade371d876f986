"""Rate limits: how much a key may ask, and what it is told of that."""

from collections.abc import Callable

import httpx2
import msgspec
import pytest

from atoll.api.limits import Limiter, Standing
from atoll.domain.projects import ApiKey, Role
from atoll.service import backlog
from tests.api.client import Api, Json
from tests.api.conftest import KeyFor
from tests.api.genesis.things import IMAGE as GENESIS_IMAGE
from tests.api.genesis.things import TYPE as GENESIS_TYPE
from tests.support.clock import JumpingClock
from tests.support.things import NOW

MINUTE_S = 60


def key(role: Role = Role.MEMBER, limit_class: str | None = "standard") -> ApiKey:
    return ApiKey(
        id="ak-1", project_id="proj-1", name="k", role=role, digest=b"", hint="",
        limit_class=limit_class, created_at_ms=0,
    )  # fmt: skip


@pytest.fixture
def clock() -> JumpingClock:
    clock = JumpingClock()
    clock.advance(MINUTE_S - NOW // 1000 % MINUTE_S)  # the start of a window
    return clock


@pytest.fixture
def charge(clock: JumpingClock) -> Callable[..., Standing]:
    limiter = Limiter(clock)

    def call(charged: ApiKey | None = None, *, free: bool = False) -> Standing:
        return limiter.charge(charged or key(), free=free)

    return call


def test_a_standard_key_has_twenty_requests_a_second(
    charge: Callable[..., Standing], clock: JumpingClock
) -> None:
    assert [charge().retry_after_s for _ in range(20)] == [0] * 20
    refused = charge()
    assert (refused.retry_after_s, refused.exceeded) == (1, "20 requests a second")
    clock.advance(1)
    assert charge().retry_after_s == 0


def test_a_standard_key_has_a_hundred_requests_a_minute(
    charge: Callable[..., Standing], clock: JumpingClock
) -> None:
    for spent in range(1, 101):
        standing = charge()
        assert (standing.retry_after_s, standing.limit) == (0, 100)
        assert standing.remaining == 100 - spent
        clock.advance(0.1)
    refused = charge()
    assert refused.remaining == 0
    now_s = clock.now_ms() // 1000
    assert now_s < refused.reset_s <= now_s + MINUTE_S
    assert refused.retry_after_s == refused.reset_s - now_s
    clock.advance(refused.retry_after_s)
    assert charge().retry_after_s == 0


@pytest.mark.parametrize("hours", [-5000, -1, 1, 5000])
def test_a_clock_that_is_set_neither_locks_out_nor_opens(
    hours: int, charge: Callable[..., Standing], clock: JumpingClock
) -> None:
    for _ in range(5):
        for _ in range(20):
            charge()
        clock.advance(1)
    clock.step(hours * 3600)
    refused = charge()
    assert refused.retry_after_s == MINUTE_S - 5
    assert refused.reset_s == clock.now_ms() // 1000 + refused.retry_after_s
    clock.advance(refused.retry_after_s)
    assert charge().retry_after_s == 0


def test_keys_of_earlier_windows_take_no_memory(clock: JumpingClock) -> None:
    limiter = Limiter(clock)
    for number in range(1000):
        limiter.charge(msgspec.structs.replace(key(), id=f"ak-{number}"), per_second=5)
        clock.advance(1)
    windows = (limiter._minute, limiter._second, limiter._second_of_dialect)
    assert [len(window._spent) for window in windows][1:] == [1, 1]
    assert len(limiter._minute._spent) <= MINUTE_S


def test_what_is_refused_is_not_charged(
    charge: Callable[..., Standing], clock: JumpingClock
) -> None:
    for _ in range(40):
        charge()
    clock.advance(1)
    assert charge().remaining == 79


def test_what_is_free_passes_an_exhausted_key(charge: Callable[..., Standing]) -> None:
    for _ in range(30):
        charge()
    before = charge(free=True)
    assert before.retry_after_s == 0
    assert charge(free=True).remaining == before.remaining


def test_what_is_free_is_bounded_by_the_second(
    charge: Callable[..., Standing], clock: JumpingClock
) -> None:
    standings = [charge(free=True) for _ in range(25)]
    assert [one.retry_after_s for one in standings].count(1) == 5
    clock.advance(1)
    assert charge(free=True).retry_after_s == 0


@pytest.mark.parametrize(
    ("role", "limit_class", "limit"),
    [
        (Role.MEMBER, None, 6_000),
        (Role.VIEWER, "standard", 100),
        (Role.ADMIN, None, 1_000_000_000),
        (Role.ADMIN, "standard", 100),
        (Role.MEMBER, "unlimited", 1_000_000_000),
    ],
)
def test_the_class_is_the_key_s_own_or_its_role_s(
    charge: Callable[..., Standing], role: Role, limit_class: str | None, limit: int
) -> None:
    assert charge(key(role, limit_class)).limit == limit


def headers_of(answer: httpx2.Response) -> dict[str, int]:
    return {name: int(answer.headers[f"x-ratelimit-{name}"])
            for name in ("limit", "remaining", "reset")}  # fmt: skip


def test_the_headers_are_on_every_answer_and_a_429_says_when_to_return(key_for: KeyFor) -> None:
    api = key_for("member", limit_class="standard")
    answers = [api.call("GET", "/v1/instances/x") for _ in range(101)]
    passed = [one for one in answers if one.status_code == 404]
    refused = [one for one in answers if one.status_code == 429]
    assert len(passed) + len(refused) == 101
    assert headers_of(passed[0])["limit"] == 100
    assert headers_of(passed[0])["remaining"] == 99
    assert refused, "a hundred and one requests are more than a hundred"
    assert refused[0].json()["code"] == "RATE_LIMITED"
    assert int(refused[0].headers["retry-after"]) >= 1
    assert headers_of(refused[0])["limit"] == 100
    assert refused[0].headers["x-request-id"]


def test_asking_for_an_operation_is_not_charged(key_for: KeyFor) -> None:
    api = key_for("member", limit_class="standard")
    created = api.create()
    left = [
        headers_of(api.call("GET", f"/v1/operations/{created['operation_id']}"))["remaining"]
        for _ in range(40)
    ]
    assert left == [99] * 40


def test_the_list_of_operations_is_charged(key_for: KeyFor) -> None:
    api = key_for("member", limit_class="standard")
    left = [headers_of(api.call("GET", path))["remaining"]
            for path in ("/v1/operations", "/v1/operations/")]  # fmt: skip
    assert left == [99, 98]


def test_a_dialects_own_limit_is_told_in_its_own_unit(clock: JumpingClock) -> None:
    limiter = Limiter(clock)
    told = [limiter.charge(key(), per_second=3).exceeded for _ in range(4)]
    assert told == ["", "", "", "3 requests a second"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/v1/instances",
            {"metadata": {"name": "x"}, "spec": {"type": "cx11", "image": "atoll-mini"}},
        ),
        ("/v2/instances", {"region": "ewr", "plan": "vc2-1c-1gb", "os_id": 2284}),
        (
            "/compute/v1/instances",
            {"name": "x", "hostname": "x", "type": GENESIS_TYPE, "image": GENESIS_IMAGE},
        ),
    ],
)
def test_where_too_many_operations_wait_the_answer_says_when_to_come_back(
    api: Api, path: str, body: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "WAITING_MAX", 0)
    response = api.call("POST", path, body)
    assert response.status_code == 429, response.text
    assert response.headers["retry-after"] == str(backlog.RETRY_S_UNKNOWN)
    assert "retry in 10 s" in response.text
    assert api.items("/v1/instances") == []


def test_the_limit_that_is_told_is_the_one_that_is_reached_first(clock: JumpingClock) -> None:
    limiter, now_ms = Limiter(clock), clock.now_ms()
    admin = key(Role.ADMIN, None)
    told = [limiter.charge(admin, per_second=3) for _ in range(4)]
    assert [(one.limit, one.remaining) for one in told] == [(3, 2), (3, 1), (3, 0), (3, 0)]
    assert [one.retry_after_s for one in told] == [0, 0, 0, 1]
    assert {one.reset_s for one in told} == {now_ms // 1000 + 1}
    for number in range(80):
        clock.advance(number % 20 == 0)
        limiter.charge(key(), per_second=30)
    clock.advance(1)
    assert limiter.charge(key(), per_second=30).limit == 100, "19 are left in this minute"
