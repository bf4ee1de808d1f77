"""A node in a thread for every test of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from node_harness import Client, serving


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Client]:
    with serving(tmp_path / "node") as client:
        yield client
