"""Least-squares matching against known shifts, and tie points measured again on photos of a known hill."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from structure_block import HEIGHT, LENS, WIDTH, block_of
from structure_scene import render, texture

from uav_workflow.domain.reconstruction import Camera
from uav_workflow.engine.adjustment.block import Block
from uav_workflow.engine.adjustment.collinearity import project
from uav_workflow.engine.scratch import Scratch
from uav_workflow.engine.ties.fine_ties import FineTieSettings, measured_again
from uav_workflow.engine.ties.least_squares_matching import least_squares_match, window
from uav_workflow.engine.ties.tie_patches import REACH, TiePatches

Grey = NDArray[np.uint8]
PHOTOS = 5


def patch(turn: tuple[float, float, float, float], shift: tuple[float, float], gain: float, offset: float) -> Grey:
    """A smooth random picture seen through an affine map about the middle of a patch."""
    fine = cv2.GaussianBlur(np.random.default_rng(3).normal(size=(600, 600)).astype(np.float32), (0, 0), 8)
    grey = 120 + 45 * fine / fine.std()
    cells = np.arange(-REACH, REACH + 1, dtype=np.float64)
    column, row = np.meshgrid(cells, cells)
    x = (1 + turn[0]) * column + turn[1] * row - shift[0]
    y = turn[2] * column + (1 + turn[3]) * row - shift[1]
    seen = cv2.remap(grey, (300 + 5 * x).astype(np.float32), (300 + 5 * y).astype(np.float32), cv2.INTER_CUBIC)
    return np.asarray(np.clip(gain * seen + offset, 0, 255), np.uint8)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.4, -0.7), (-1.3, 0.25), (1.1, 0.9)])
def test_a_shift_is_found_through_turn_contrast_and_brightness(shift: tuple[float, float]) -> None:
    reference = patch((0, 0, 0, 0), (0, 0), 1.0, 0.0)
    other = patch((0.02, 0.03, -0.03, -0.02), shift, 0.7, 25.0)
    # where the middle of the reference lies in the other patch: its map has to give 0 there
    expected = np.linalg.solve([[1.02, 0.03], [-0.03, 0.98]], shift)
    found = np.zeros(3)
    assert least_squares_match(reference, other, window(10), found)
    assert found[:2] == pytest.approx(expected, abs=0.02)
    assert found[2] > 0.99


def test_patches_without_texture_are_not_matched() -> None:
    flat = np.full((2 * REACH + 1, 2 * REACH + 1), 90, np.uint8)
    assert not least_squares_match(flat, flat, window(10), np.zeros(3))
    stripes = np.tile((120 + 60 * np.sin(np.arange(2 * REACH + 1))).astype(np.uint8), (2 * REACH + 1, 1))
    assert not least_squares_match(stripes, stripes, window(10), np.zeros(3))


def test_a_shift_larger_than_the_patch_allows_is_not_matched() -> None:
    far = patch((0, 0, 0, 0), (6.0, 0.0), 1.0, 0.0)
    assert not least_squares_match(patch((0, 0, 0, 0), (0, 0), 1.0, 0.0), far, window(10), np.zeros(3))


@pytest.fixture(scope="module")
def exact() -> Block:
    """Part of a block without noise."""
    whole = block_of(31, 0.0)
    near = np.linalg.norm(whole.points[:, :2] - whole.centres[2, :2], axis=1) < 18
    return whole.with_observations((whole.obs_image < PHOTOS) & near[whole.obs_point])


@pytest.fixture(scope="module")
def photos(exact: Block) -> dict[str, Grey]:
    names = ("fx", "cx", "cy", "k1", "k2", "k3", "p1", "p2")
    camera = Camera(camera_id="c", width=WIDTH, height=HEIGHT, fy=LENS[0], **dict(zip(names, LENS, strict=True)))
    ground = texture(5)
    seen = [render(ground, camera, exact.rotations[i], exact.centres[i]) for i in range(PHOTOS)]
    # every photo with an exposure of its own
    return {
        exact.names[i]: np.clip((100 + 9 * i) + (25 + 3 * i) * seen[i], 0, 255).astype(np.uint8) for i in range(PHOTOS)
    }


def noisy(exact: Block, sigma_px: float) -> Block:
    random = np.random.default_rng(8)
    return replace(exact, obs_xy=exact.obs_xy + random.normal(0, sigma_px, exact.obs_xy.shape))


def remeasured(block: Block, photos: dict[str, Grey]) -> tuple[Block, list[float]]:
    told: list[float] = []
    settings = FineTieSettings(threads=1)
    return measured_again(block, photos.__getitem__, settings, Scratch(), progress=told.append), told


def disagreement_px(block: Block, exact: Block) -> float:
    """Scatter of the observations about points met by the true cameras, pixels a coordinate."""
    from uav_workflow.engine.adjustment.collinearity import intersect

    placed = intersect(replace(block, intrinsics=exact.intrinsics))
    off = placed.obs_xy - project(placed)[0]
    return 1.4826 * float(np.median(np.abs(off)))


def test_tie_points_agree_to_a_few_hundredths_of_a_pixel(exact: Block, photos: dict[str, Grey]) -> None:
    start = noisy(exact, 0.4)
    assert disagreement_px(start, exact) > 0.2
    fine, told = remeasured(start, photos)
    assert disagreement_px(fine, exact) < 0.05
    assert len(fine.obs_xy) > 0.7 * len(exact.obs_xy)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


def test_what_is_seen_elsewhere_is_left_out(exact: Block, photos: dict[str, Grey]) -> None:
    start = noisy(exact, 0.1)
    third = start.obs_image == 3
    start.obs_xy[third] += (9.0, -8.0)
    fine, _ = remeasured(start, photos)
    kept = np.bincount(fine.obs_image, minlength=PHOTOS) / np.bincount(start.obs_image, minlength=PHOTOS)
    assert kept[3] < 0.1
    assert kept[2] > 0.7


def test_patches_that_leave_the_photo_are_marked(exact: Block, photos: dict[str, Grey]) -> None:
    patches = TiePatches.cut(exact, photos.__getitem__, Scratch(), progress=lambda share: None)
    margin = np.minimum(exact.obs_xy, (WIDTH, HEIGHT) - exact.obs_xy).min(axis=1)
    assert not patches.whole[margin < REACH - 4].any()
    assert patches.whole[margin > 2 * REACH + 4].all()
    # a step of a cell is about a pixel for cameras at one height
    size = np.sqrt(np.abs(np.linalg.det(patches.pixel_of_cell)))
    assert np.abs(size - 1).max() < 0.3


def test_of_two_observations_in_one_photo_the_better_stays(exact: Block, photos: dict[str, Grey]) -> None:
    start = noisy(exact, 0.1)
    twice = np.flatnonzero(start.obs_image == 2)[:40]
    doubled = replace(
        start,
        obs_image=np.concatenate([start.obs_image, start.obs_image[twice]]),
        obs_point=np.concatenate([start.obs_point, start.obs_point[twice]]),
        obs_xy=np.concatenate([start.obs_xy, start.obs_xy[twice] + (1.5, 1.5)]),
        obs_sigma=np.concatenate([start.obs_sigma, start.obs_sigma[twice]]),
    )
    fine, _ = remeasured(doubled, photos)
    places = fine.obs_point * PHOTOS + fine.obs_image
    assert len(np.unique(places)) == len(places)
    assert np.bincount(fine.obs_point).min() >= 2
