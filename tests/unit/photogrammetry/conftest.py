"""A node whose faults a test switches on, and a client without patience."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_node import FakeNode
from orders import Order

from uav_workflow.photogrammetry.patience import Patience

FAST = Patience(
    timeout_s=5,
    answer_s=5,
    retries=3,
    pause_s=0.01,
    pause_max_s=0.02,
    poll_s=0.01,
    grace_s=1.0,
    not_found_s=0.05,
    budget_s=30,
)


@pytest.fixture
def fake_node() -> Iterator[FakeNode]:
    node = FakeNode()
    thread = threading.Thread(target=node.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield node
    node.released.set()
    node.shutdown()
    thread.join()
    node.server_close()


@pytest.fixture
def fast() -> Patience:
    return FAST


@pytest.fixture
def order(fake_node: FakeNode, fast: Patience, tmp_path: Path) -> Order:
    return Order(fake_node, tmp_path, fast)
