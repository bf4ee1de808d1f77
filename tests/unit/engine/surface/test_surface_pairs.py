"""Choosing pairs by geometry, and the small tools below the surface."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from heightfield_scene import camera, meadow, nadir_block
from numpy.typing import NDArray

from uav_workflow.engine.inputs.photo_cache import LeastRecent, read_grey, read_pixels
from uav_workflow.engine.surface.filling import block_quantile, enlarged, fill_smooth, smoothed
from uav_workflow.engine.surface.pairs import choose_pairs
from uav_workflow.engine.surface.subpixel import refined
from uav_workflow.engine.surface.views import ground_sample_distance, views_of


def test_view_projects_as_the_camera_does(tmp_path: Path) -> None:
    reconstruction, paths = nadir_block(meadow(), tmp_path)
    view = views_of(reconstruction, paths)[5]
    shot = reconstruction.shots[5]
    points = np.random.default_rng(1).uniform((-6, -6, 498), (6, 6, 503), (50, 3))
    pixels, inside = view.pixels(points)
    expected = camera().project(shot.to_camera(points))
    assert inside.sum() > 20
    np.testing.assert_allclose(pixels[inside], expected[inside], atol=1e-9)


def test_ground_sample_distance_is_depth_over_focal_length(tmp_path: Path) -> None:
    reconstruction, paths = nadir_block(meadow(slope=0.0), tmp_path)
    assert ground_sample_distance(reconstruction, views_of(reconstruction, paths)) == pytest.approx(24 / 520, rel=0.02)


def test_pairs_cover_the_ground_within_the_bound(tmp_path: Path) -> None:
    reconstruction, paths = nadir_block(meadow(), tmp_path)
    views = views_of(reconstruction, paths)
    pairs = choose_pairs(views, reconstruction.points, max_pairs_per_photo=2.0)
    assert 0 < len(pairs) <= 24
    assert all(4 <= pair.angle_deg <= 48 for pair in pairs)
    assert len({(pair.left.image, pair.right.image) for pair in pairs}) == len(pairs)
    twice = sum(view.pixels(reconstruction.points)[1].astype(int) for view in views) >= 2
    reached = {tuple(point) for pair in pairs for point in pair.shared}
    assert np.mean([tuple(point) in reached for point in reconstruction.points[twice]]) > 0.97


def test_subpixel_shift_is_found_without_bias() -> None:
    rng = np.random.default_rng(5)
    waves = rng.uniform(-0.9, 0.9, (30, 2)), rng.uniform(0, 2 * np.pi, 30)
    x, y = np.meshgrid(np.arange(400.0), np.arange(120.0))

    def grey(x: NDArray[np.float64]) -> NDArray[np.uint8]:
        total = sum(np.sin(a * x + b * y + phase) for (a, b), phase in zip(*waves, strict=True))
        return np.asarray(np.clip(np.round(128 + 12 * total), 0, 255), np.uint8)

    shift = 3.37
    start = np.full(x.shape, 3.25, np.float32)
    found = refined(grey(x), grey(x + shift), start)
    inner = found[10:-10, 20:-20]
    assert abs(np.median(inner) - shift) < 0.02
    assert np.std(inner) < 0.08


def test_filling_keeps_what_is_known_and_bridges_the_rest() -> None:
    row, column = np.indices((97, 130)).astype(np.float32)
    plane = 2000 + 0.1 * column + 0.05 * row
    holed = plane.copy()
    holed[30:50, 40:80] = np.nan
    filled = fill_smooth(holed)
    assert np.array_equal(filled[np.isfinite(holed)], plane[np.isfinite(holed)])
    assert np.abs(filled - plane).max() < 1.5
    assert np.isnan(fill_smooth(np.full((5, 7), np.nan, np.float32))).all()


def test_smoothing_keeps_millimetres_on_high_ground() -> None:
    heights = np.full((40, 40), 4321.125, np.float32)
    heights[10:14, 10:14] = np.nan
    np.testing.assert_allclose(smoothed(heights, 2.0), 4321.125, atol=1e-3)


def test_block_quantile_above_a_trend() -> None:
    rng = np.random.default_rng(2)
    column = np.indices((60, 90))[1].astype(np.float32)
    trend_cells = 0.3 * column
    coarse = block_quantile(trend_cells.astype(np.float32), 6, 0.5)
    heights = (enlarged(coarse, 6, (60, 90)) + rng.uniform(0, 1, (60, 90))).astype(np.float32)
    low = block_quantile(heights, 6, 0.0, coarse)
    assert low.shape == (10, 15)
    assert low.min() >= 0
    assert low.max() < 0.25


def test_cache_drops_the_least_recent() -> None:
    made: list[str] = []

    def make(key: str) -> bytes:
        made.append(key)
        return bytes(40)

    cache: LeastRecent[bytes] = LeastRecent(100, len)
    for key in ("a", "b", "a", "c", "a", "b"):
        cache.get(key, lambda key=key: make(key))  # type: ignore[misc]
    assert made == ["a", "b", "c", "b"]


def test_pixels_are_read_as_stored(tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :20] = (200, 20, 10)
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    picture.save(path, quality=95, exif=exif)
    assert read_pixels(path).shape == (40, 60, 3)
    assert read_pixels(path)[20, 5, 0] > 150
    assert read_grey(path, 2).shape == (20, 30)
