"""Fixtures every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real flights beside the checkout; without them the test is skipped, or fails under UAV_REQUIRE_SHARED=1."""
    return _shared("data")


@pytest.fixture(scope="session")
def shared_reference() -> Path:
    """Reference numbers and schemas beside the checkout."""
    return _shared("reference")


def _shared(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        if os.environ.get("UAV_REQUIRE_SHARED") == "1":
            pytest.fail(f"UAV_REQUIRE_SHARED=1, but {SHARED.name}/{name} is not beside the checkout")
        pytest.skip(f"{SHARED.name}/{name} is not beside the checkout")
    return folder


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Under UAV_REQUIRE_SHARED=1 a skipped test is a failed run: CI has everything."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    if skipped and os.environ.get("UAV_REQUIRE_SHARED") == "1" and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
