"""Heights that good positions promise and flat ground does not give."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation
from structure_block import LENS, capture, seen
from structure_scene import flight_centres, look_down

from uav_workflow.engine.adjustment.block import Block
from uav_workflow.engine.adjustment.block_strength import ground_sigma_m, strength_findings
from uav_workflow.engine.adjustment.self_calibration import Calibration, CalibrationSettings, self_calibrate
from uav_workflow.engine.inputs.priors import PositionPriors

NOISE_PX = 0.4


def flat_block(seed: int, tilted: int = 0) -> Block:
    """Fifteen photos straight down over flat ground, and `tilted` ones that look 25 degrees ahead."""
    random = np.random.default_rng(seed)
    centres = flight_centres(3, 5, 10, 14, 40)
    rotations = [look_down(np.pi * ((i // 5) % 2)) for i in range(len(centres))]
    for i in range(tilted):
        centres = np.vstack([centres, (-20 + 40 * i / (tilted - 1), 0, 40)])
        turn = Rotation.from_euler("x", 25, degrees=True).as_matrix()
        rotations.append(turn @ look_down(np.pi / 2 * (1 if i % 2 else -1)))
    ground = random.uniform(-40, 40, (2500, 2))
    points = np.column_stack([ground, np.zeros(len(ground))])
    return seen(centres, np.array(rotations), points, random, NOISE_PX)


def adjusted(block: Block, sigma_m: float, seed: int = 0) -> tuple[Calibration, PositionPriors]:
    known = np.full(block.centres.shape, sigma_m)
    xyz = block.centres + np.random.default_rng(seed).normal(0, known)
    positions = PositionPriors(crs="EPSG:32633", offset=(0, 0), xyz=xyz, sigma=known)
    captures = [capture(None, 1.01 * LENS[0])] * len(block.names)
    return self_calibrate(block, captures, positions, CalibrationSettings()), positions


def test_flat_ground_below_good_positions_is_said_to_be_weak() -> None:
    calibration, positions = adjusted(flat_block(1), 0.02)
    assert ground_sigma_m(calibration) > 0.02
    (said,) = strength_findings(calibration, positions)
    assert said.code == "heights-weak"
    assert f"{ground_sigma_m(calibration):.2g} m" in said.message


def test_a_plain_receiver_is_not_blamed_on_the_lens() -> None:
    calibration, positions = adjusted(flat_block(1), 1.0)
    assert strength_findings(calibration, positions) == []


def test_tilted_strips_across_make_the_heights_strong() -> None:
    down, _ = adjusted(flat_block(1), 0.02)
    tilted, _ = adjusted(flat_block(1, tilted=6), 0.02)
    assert ground_sigma_m(tilted) < 0.5 * ground_sigma_m(down)


def test_the_ground_lies_as_far_off_as_is_said() -> None:
    off, said = [], []
    for seed in range(10):
        calibration, _ = adjusted(flat_block(seed), 0.02, seed)
        off.append(float(np.median(calibration.adjustment.block.points[:, 2])))
        said.append(ground_sigma_m(calibration))
    # chi squared with 10 degrees of freedom, 99.9 % two-sided
    assert 1.3 < float((np.square(off) / np.square(said)).sum()) < 31.4
