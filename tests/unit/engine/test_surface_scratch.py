"""Arrays in nameless files, and the tools that walk through them strip by strip."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from uav_workflow.engine import scratch
from uav_workflow.engine.scratch import Scratch, release, strips
from uav_workflow.engine.surface.filling import fill_smooth
from uav_workflow.engine.surface.fusion import Fused, drop_doubtful_tops


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_values_outlive_the_memory_they_took(tmp_path: Path) -> None:
    before = resident_mib()
    array = Scratch(tmp_path).full((8000, 8000), 2.5)
    array[17, 4] = 7
    view = array[10:20]
    release(view)
    assert resident_mib() - before < 60, "the array has 244 MiB"
    assert array[17, 4] == 7
    assert (array[5000] == 2.5).all()
    assert list(tmp_path.iterdir()) == [], "nothing is left behind however the process ends"


def test_a_full_disk_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int, start: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        Scratch(tmp_path).empty((4000, 4000))


def test_strips_cover_once_and_see_around() -> None:
    seen = np.zeros(103, int)
    for strip in strips((103, 10), halo=3, multiple=8, cells=200):
        assert strip.first % 8 == 0
        seen[strip.rows] += 1
        assert np.array_equal(np.arange(103)[strip.wide][strip.inner], np.arange(103)[strip.rows])
    assert (seen == 1).all()


def test_filling_in_strips_is_filling_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    heights = rng.normal(300, 2, (301, 77)).astype(np.float32)
    heights[rng.random(heights.shape) < 0.7] = np.nan
    heights[100:200] = np.nan
    whole = fill_smooth(heights)
    monkeypatch.setattr(strips, "__defaults__", (0, 1, 500))
    monkeypatch.setattr(scratch, "SMALL_BYTES", 0)
    assert np.array_equal(fill_smooth(heights), whole)


def test_a_top_that_few_pairs_back_is_no_top() -> None:
    heights = np.full((80, 80), 5.0, np.float32)
    heights[20:30, 20:40] = heights[50:60, 20:40] = 9.0
    views = np.full(heights.shape, 12, np.uint8)
    views[20:30, 20:40] = 2
    fused = Fused(heights=heights, views=views, spread=np.zeros_like(heights))
    drop_doubtful_tops(fused, 0.1)
    assert np.isnan(heights[20:30, 20:40]).all()
    assert (views[20:30, 20:40] == 0).all()
    assert (heights[50:60, 20:40] == 9).all()
    assert (heights == 5).sum() == 80 * 80 - 400
