"""Each role can be imported, and so started, without what only the others need."""

import subprocess
import sys

import pytest

ROLES = {
    "host": ("atoll.store", "atoll.service", "atoll.api", "atoll.operations", "sqlalchemy"),
    "engine": ("atoll.api", "atoll.drivers", "atoll.agent", "litestar"),
    "api": ("atoll.drivers", "atoll.agent", "atoll.networks"),
}


@pytest.mark.parametrize(("role", "foreign"), ROLES.items(), ids=list(ROLES))
def test_a_role_knows_nothing_of_what_only_others_need(role: str, foreign: tuple[str, ...]) -> None:
    program = f"import sys, atoll.roots.{role}; print('\\n'.join(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    loaded = run.stdout.split()
    found = [m for m in loaded if any(m == f or m.startswith(f"{f}.") for f in foreign)]
    assert found == []
    assert f"atoll.roots.{role}" in loaded
