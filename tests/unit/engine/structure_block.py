"""A block of known geometry, without photos: the truth for the tests of the adjustment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from structure_scene import flight_centres, look_down, relief

from uav_workflow.domain.flight import Attitude, Band, BandImage, Capture
from uav_workflow.engine.adjustment.block import Block
from uav_workflow.engine.adjustment.collinearity import project

FloatArray = NDArray[np.float64]
LENS = np.array([800.0, 405, 292, -0.08, 0.05, -0.01, 0.001, -0.0007])
WIDTH, HEIGHT = 800, 600


def block_of(seed: int, noise_px: float, spread_m: float = 40.0) -> Block:
    random = np.random.default_rng(seed)
    centres = flight_centres(3, 5, 10, 14, 40)
    rotations = np.array([look_down(np.pi * ((i // 5) % 2), *random.normal(0, 0.05, 2)) for i in range(len(centres))])
    ground = random.uniform(-spread_m, spread_m, (900, 2))
    points = np.column_stack([ground, relief(ground[:, 0], ground[:, 1])])
    return seen(centres, rotations, points, random, noise_px)


def seen(
    centres: FloatArray, rotations: FloatArray, points: FloatArray, random: np.random.Generator, noise_px: float
) -> Block:
    """The block of these photos and points: each point where a photo shows it, with noise, if three or more do."""
    images, names = np.divmod(np.arange(len(centres) * len(points)), len(points))
    everything = Block(
        names=[f"{i}.jpg" for i in range(len(centres))],
        camera_of=np.zeros(len(centres), np.int64),
        intrinsics=LENS[None].copy(),
        rotations=rotations,
        centres=centres,
        points=points,
        obs_image=images,
        obs_point=names,
        obs_xy=np.zeros((len(images), 2)),
        obs_sigma=np.ones(len(images)),
    )
    pixels, depth = project(everything)
    everything.obs_xy = pixels + random.normal(0, noise_px, pixels.shape)
    shown = (depth > 0) & ((pixels > 0) & (pixels < (WIDTH, HEIGHT))).all(axis=1)
    return everything.with_observations(shown, min_length=3)


def capture(attitude: Attitude | None, focal_px: float) -> Capture:
    image = BandImage(
        path=Path("x.jpg"), name="x.jpg", size_bytes=1, band=Band(name="RGB"), width=WIDTH, height=HEIGHT, bits=8,
        attitude=attitude, focal_px=focal_px,
    )  # fmt: skip
    return Capture(capture_id="x", images=(image,))
