"""Footprint, overlap and lines: arithmetic that can be done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from flight_plans.lines import FrameCamera, Overlap, block, lawn_mower
from flight_plans.presets import camera_preset, camera_presets
from uav_workflow.errors import UsageError

CAMERA = FrameCamera(name="c", title="C", width_px=1000, height_px=800, focal_mm=5.0, pixel_um=5.0)


def test_footprint_follows_from_height_and_focal_length() -> None:
    assert CAMERA.focal_px == pytest.approx(1000)
    assert CAMERA.gsd(20.0) == pytest.approx(0.02)
    assert CAMERA.height_for_gsd(0.02) == pytest.approx(20.0)
    assert CAMERA.footprint(20.0) == pytest.approx((20.0, 16.0))


def test_spacing_is_what_overlap_leaves() -> None:
    assert Overlap(forward=0.8, side=0.75).spacing((20.0, 16.0)) == pytest.approx((5.0, 3.2))


@pytest.mark.parametrize("share", [-0.1, 1.0, 80.0])
def test_impossible_overlap_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match="forward overlap"):
        Overlap(forward=share)


@pytest.mark.parametrize("captures", [1, 2, 7, 24, 30, 31])
def test_block_has_the_captures_asked_for(captures: int) -> None:
    lines = block((100.0, 200.0), captures, CAMERA, 20.0)
    assert sum(len(line.stations) for line in lines) == captures


def test_block_alternates_and_keeps_its_spacing() -> None:
    lines = block((0.0, 0.0), 30, CAMERA, 20.0, heading_deg=90.0)
    assert [line.heading_deg for line in lines[:3]] == [90.0, 270.0, 90.0]
    for line in lines:
        steps = np.diff(line.stations, axis=0)
        east = 1.0 if line.heading_deg == 90.0 else -1.0
        np.testing.assert_allclose(steps[:, 0], 3.2 * east)
        np.testing.assert_allclose(steps[:, 1], 0.0, atol=1e-9)
    starts = np.array([line.stations[:, 1].mean() for line in lines])
    np.testing.assert_allclose(np.abs(np.diff(starts)), 5.0)
    places = np.concatenate([line.stations for line in lines])
    np.testing.assert_allclose((places.max(axis=0) + places.min(axis=0)) / 2, 0.0, atol=1e-9)


@pytest.mark.parametrize("heading", [0.0, 30.0, 145.0])
def test_lawn_mower_sees_every_part_with_the_overlap(heading: float) -> None:
    area = [(0.0, 0.0), (60.0, 5.0), (55.0, 45.0), (10.0, 40.0)]
    lines = lawn_mower(area, CAMERA, 20.0, Overlap(forward=0.8, side=0.75), heading_deg=heading)
    stations = np.concatenate([line.stations for line in lines])
    rng = np.random.default_rng(1)
    weights = rng.dirichlet(np.ones(4), 300)
    inside = weights @ np.array(area)
    angle = np.radians(heading)
    right = np.array([np.cos(angle), -np.sin(angle)])
    forward = np.array([np.sin(angle), np.cos(angle)])
    delta = inside[:, None, :] - stations[None]
    seen = (np.abs(delta @ right) <= 10.0) & (np.abs(delta @ forward) <= 8.0)
    # half of the four lines and five photos of a line that see a place in the middle, at the rim
    assert seen.sum(axis=1).min() >= 4
    assert seen.sum(axis=1).max() >= 16


def test_a_polygon_needs_three_corners() -> None:
    with pytest.raises(UsageError, match="three"):
        lawn_mower([(0, 0), (1, 1)], CAMERA, 20.0)


def test_presets_carry_published_lenses() -> None:
    rig = camera_preset("micasense_rededge")
    assert (rig.width_px, rig.height_px) == (1280, 960)
    assert rig.focal_px == pytest.approx(1440, rel=0.01)
    assert camera_preset("dji_phantom4_rgb").focal_px == pytest.approx(24 / 36 * 5472, rel=0.01)
    assert len(camera_presets()) >= 5


def test_unknown_preset_lists_the_known() -> None:
    with pytest.raises(UsageError, match="micasense_rededge"):
        camera_preset("no such camera")
