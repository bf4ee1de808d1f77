"""Control points: a block of known geometry is brought onto them, and mistakes among them are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from structure_block import HEIGHT, LENS, WIDTH, block_of, capture
from structure_scene import relief

from uav_workflow.domain.ground import GroundControlPoint, ImageMark
from uav_workflow.engine.adjustment.block import Block, ControlMarks
from uav_workflow.engine.adjustment.collinearity import project
from uav_workflow.engine.adjustment.ground_control import marks_in, residuals
from uav_workflow.engine.adjustment.self_calibration import Calibration, CalibrationSettings, self_calibrate
from uav_workflow.engine.inputs.priors import PositionPriors
from uav_workflow.errors import EngineError

PLACES = np.array([(-16.0, -14), (15, -12), (14, 16), (-15, 13), (0, 1), (8, -3), (-7, 5)])
GSD_M = 40 / LENS[0]
CRS = "EPSG:32633"


def surveyed(truth: Block, places: np.ndarray, seed: int) -> ControlMarks:
    """Points surveyed to a centimetre and marked to 0.3 px."""
    random = np.random.default_rng(seed)
    xyz = np.column_stack([places, relief(places[:, 0], places[:, 1])])
    image, point = (axis.ravel() for axis in np.indices((len(truth.names), len(xyz))))
    everywhere = ControlMarks(
        names=tuple(f"G{i}" for i in range(len(xyz))),
        xyz=xyz + random.normal(0, 0.01, xyz.shape),
        sigma=np.full(xyz.shape, 0.02),
        image=image,
        point=point,
        xy=np.zeros((len(image), 2)),
        sigma_px=0.5,
    )
    pixels, _ = project(everywhere.in_block(truth, xyz))
    seen = ((pixels > 0) & (pixels < (WIDTH, HEIGHT))).all(axis=1)
    xy = pixels + random.normal(0, 0.3, pixels.shape)
    return replace(everywhere, xy=xy).subset(np.ones(len(xyz), bool), seen)


def adjusted(truth: Block, control: ControlMarks, known: bool = True) -> Calibration:
    """Calibrated from a lens 1 % off, in a frame of its own, with GPS positions metres off or without any."""
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    free = replace(truth, intrinsics=np.array([[0.99 * LENS[0], 400, 300, 0, 0, 0, 0, 0]]))
    free = free.transformed(0.1, turn, np.array([3.0, 4.0, 5.0]))
    shift = np.random.default_rng(5).normal((2.0, -1.0, 3.0), 1.0, truth.centres.shape)
    xyz = truth.centres + shift if known else np.full(truth.centres.shape, np.nan)
    positions = PositionPriors(crs=CRS, offset=(0, 0), xyz=xyz, sigma=np.full(xyz.shape, 3.0))
    captures = [capture(None, 0.99 * LENS[0])] * len(truth.names)
    return self_calibrate(free, captures, positions, CalibrationSettings(), control)


@pytest.fixture(scope="module")
def truth() -> Block:
    return block_of(31, 0.3)


def check_error(calibration: Calibration, truth: Block) -> np.ndarray:
    """RMSE of check points the adjustment never saw: horizontal and vertical, GSD."""
    checks = surveyed(truth, 0.8 * PLACES[:5] + (1.0, -1.0), 40)
    error = np.array([point.error for point in residuals(calibration.adjustment.block, checks, checks=True)])
    squared = np.array([(error[:, :2] ** 2).sum(axis=1).mean(), (error[:, 2] ** 2).mean()])
    return np.sqrt(squared) / GSD_M


@pytest.mark.parametrize("known", [True, False], ids=["gps", "no gps"])
def test_five_control_points_place_the_block(truth: Block, known: bool) -> None:
    found = adjusted(truth, surveyed(truth, PLACES[:5], 32), known)
    assert found.control.names == ("G0", "G1", "G2", "G3", "G4")
    assert not found.findings
    horizontal, vertical = check_error(found, truth)
    assert horizontal < 1
    assert vertical < 1.5


@pytest.mark.parametrize(("axis", "off_m"), [(0, 0.4), (2, 0.6), (1, 100.0)])
def test_a_mistyped_point_is_named_and_left_out(truth: Block, axis: int, off_m: float) -> None:
    control = surveyed(truth, PLACES[:6], 33)
    xyz = control.xyz.copy()
    xyz[4, axis] += off_m
    found = adjusted(truth, replace(control, xyz=xyz))
    assert "G4" not in found.control.names
    assert len(found.control.names) == 5
    (finding,) = found.findings
    assert finding.code == "control-point-wrong"
    assert finding.message.startswith("G4 lies ")
    horizontal, vertical = check_error(found, truth)
    assert horizontal < 1
    assert vertical < 1.5


def test_a_wrong_mark_is_named_and_its_point_still_used(truth: Block) -> None:
    control = surveyed(truth, PLACES[:5], 34)
    xy = control.xy.copy()
    wrong = int(np.flatnonzero(control.point == 2)[1])
    xy[wrong] += (25, -10)
    found = adjusted(truth, replace(control, xy=xy))
    (finding,) = found.findings
    assert finding.code == "control-mark-wrong"
    assert f"G2 in {truth.names[control.image[wrong]]}" in finding.message
    assert "G2" in found.control.names
    assert len(found.control.image) == len(control.image) - 1


def test_points_in_a_line_leave_the_block_to_gps(truth: Block) -> None:
    line = np.column_stack([np.linspace(-15, 15, 4), np.linspace(-12, 12, 4)])
    found = adjusted(truth, surveyed(truth, line, 35))
    assert found.control.names == ()
    assert [finding.code for finding in found.findings] == ["control-points-few"]
    shift = (found.adjustment.block.centres - truth.centres).mean(axis=0)
    assert np.linalg.norm(shift) > 1


def test_without_gps_two_points_place_nothing(truth: Block) -> None:
    with pytest.raises(EngineError, match="2 control points"):
        adjusted(truth, surveyed(truth, PLACES[:2], 36), known=False)


def test_marks_count_where_the_photo_was_placed() -> None:
    point = GroundControlPoint(
        name="A", crs="EPSG:4326", x=15.0, y=45.0, z=812.5,
        marks=tuple(ImageMark(image=name, x=10.0, y=20.0) for name in ("a", "b", "lost")),
    )  # fmt: skip
    once = replace(point, name="B", marks=point.marks[1:])
    found = marks_in([point, once], {"a": 3, "b": 0}, CRS, (500_000.0, 4_980_000.0))
    assert found.names == ("A",)
    assert found.image.tolist() == [3, 0]
    # the central meridian of zone 33; the height is taken as it is
    assert found.xyz[0] == pytest.approx((0, 4_982_950.4 - 4_980_000, 812.5), abs=0.1)
