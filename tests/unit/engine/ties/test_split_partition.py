"""Parting a flight by position: pure geometry."""

from __future__ import annotations

import numpy as np
import pytest

from uav_workflow.engine.ties.partition import PhotoGroup, SplitSettings, part_photos, split_findings
from uav_workflow.errors import EngineError


def lawn(columns: int, rows: int, step: float = 10.0) -> np.ndarray:
    """Positions of parallel lines flown to and fro, metres."""
    line = np.arange(rows)
    lines = [line if column % 2 == 0 else line[::-1] for column in range(columns)]
    return step * np.array([(column, row) for column, order in enumerate(lines) for row in order], float)


def parted(xy: np.ndarray, photos: int, overlap_m: float) -> list[PhotoGroup]:
    return part_photos(xy, SplitSettings(photos=photos, overlap_m=overlap_m))


@pytest.mark.parametrize(("columns", "rows", "photos"), [(10, 10, 25), (13, 11, 20), (7, 30, 33), (40, 25, 64)])
def test_every_photo_has_one_home_and_groups_are_of_equal_count(columns: int, rows: int, photos: int) -> None:
    xy = lawn(columns, rows)
    groups = parted(xy, photos, 15.0)
    assert len(groups) == -(-len(xy) // photos)
    assert sorted(np.concatenate([group.core for group in groups])) == list(range(len(xy)))
    sizes = [len(group.core) for group in groups]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= photos


def test_a_group_gets_the_photos_near_to_one_of_its_own_and_no_others() -> None:
    xy = lawn(12, 12) + np.random.default_rng(3).normal(0, 1, (144, 2))
    for group in parted(xy, 36, 17.0):
        apart = np.linalg.norm(xy[:, None] - xy[None, group.core], axis=2).min(axis=1)
        assert list(group.photos) == list(np.flatnonzero(apart <= 17.0))
        assert set(group.core) < set(group.photos)


def test_groups_are_compact() -> None:
    for group in parted(lawn(20, 20), 25, 0.0):
        east, north = np.ptp(lawn(20, 20)[group.core], axis=0)
        assert max(east, north) <= 2.5 * min(east, north) + 10


@pytest.mark.parametrize("heading", [0.0, 0.4, np.pi / 2, 2.2])
def test_a_flight_along_a_line_is_cut_across_it(heading: float) -> None:
    along = np.arange(60) * 12.0
    xy = np.column_stack([along * np.sin(heading), along * np.cos(heading)])
    groups = parted(xy, 20, 30.0)
    cores = sorted(tuple(group.core) for group in groups)
    assert cores == [tuple(range(start, start + 20)) for start in (0, 20, 40)]
    assert sorted(len(group.photos) for group in groups) == [22, 22, 24]


def test_the_same_photos_in_another_order_are_parted_alike() -> None:
    xy = lawn(9, 10) + np.random.default_rng(5).normal(0, 1, (90, 2))
    shuffled = np.random.default_rng(6).permutation(90)
    groups = {frozenset(group.photos.tolist()) for group in parted(xy, 30, 20.0)}
    again = {frozenset(shuffled[group.photos].tolist()) for group in parted(xy[shuffled], 30, 20.0)}
    assert groups == again


def test_a_photo_without_position_goes_with_its_neighbours_in_the_flight() -> None:
    xy = np.column_stack([np.arange(40) * 10.0, np.zeros(40)])
    xy[7] = xy[33] = np.nan
    left, right = parted(xy, 20, 0.0)
    assert 7 in left.core
    assert 33 in right.core


def test_a_flight_without_positions_can_not_be_parted() -> None:
    xy = np.full((50, 2), np.nan)
    xy[:2] = 0, 1
    with pytest.raises(
        EngineError, match=r"split 20 parts the flight by position, and 2 of 50 photos have one.*geo\.txt"
    ):
        parted(xy, 20, 10.0)
    assert len(parted(xy, 50, 10.0)) == 1, "nothing is to be parted, nothing is refused"


def test_a_small_flight_is_one_group_and_nothing_is_said() -> None:
    settings = SplitSettings(photos=100)
    groups = part_photos(lawn(10, 10), settings)
    assert [list(group.photos) for group in groups] == [list(range(100))]
    assert split_findings(groups, settings, [], 0) == []
    assert split_findings(groups, SplitSettings(), [], 2) == [], "a flight with a gap, never parted"


def test_an_overlap_as_wide_as_the_flight_parts_nothing_and_says_so() -> None:
    settings = SplitSettings(photos=25, overlap_m=150.0)
    groups = part_photos(lawn(10, 10), settings)
    assert len(groups) == 1
    (finding,) = split_findings(groups, settings, [], 0)
    assert (finding.code, finding.level) == ("split-needless", "info")


def test_what_went_wrong_is_said_with_what_to_do() -> None:
    settings = SplitSettings(photos=25, overlap_m=10.0)
    groups = part_photos(lawn(10, 10), settings)
    assert split_findings(groups, settings, [], 0) == []
    wide = SplitSettings(photos=25, overlap_m=50.0)
    codes = [finding.code for finding in split_findings(part_photos(lawn(10, 10), wide), wide, [], 0)]
    assert codes == ["split-overlap-wide"]
    untied, apart = split_findings(groups, settings, [1], 2)
    assert (untied.code, apart.code) == ("split-group-untied", "split-not-joined")
    assert "in 1 of the 4 groups" in untied.message
    assert "overlap of 10 m" in apart.message
    assert "raise split-overlap" in apart.hint
