"""A cloud's API, as tests of that have it."""

from tests.api.conftest import admin, api, key_for

__all__ = ["admin", "api", "key_for"]
