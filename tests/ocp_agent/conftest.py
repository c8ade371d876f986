"""A home of its own for each test, so that no cache of somebody's is read or written."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("OCP_REGISTRY_URL", raising=False)
    monkeypatch.delenv("OCP_AUTH_VULTR", raising=False)
    return tmp_path
