from __future__ import annotations

import subprocess
import sys

import numpy as np

from uav_workflow.engine.progress import peak_memory_mib


def test_the_peak_is_that_of_this_process() -> None:
    before = peak_memory_mib()
    size = int(before * 2**20) + (64 << 20)
    held = np.ones(size, np.uint8)
    assert held[-1] == 1
    assert before < size / 2**20 <= peak_memory_mib()


def test_what_the_starting_process_holds_does_not_count() -> None:
    held = np.ones(600 << 20, np.uint8)
    code = "from uav_workflow.engine.progress import peak_memory_mib; print(peak_memory_mib())"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert held[-1] == 1
    assert float(child.stdout) < 400
