"""Meadows as an orthomosaic shows them, with the true cover of every square metre."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.pictures.rgb import linearise
from uav_workflow.domain.grid import Block, Grid
from uav_workflow.domain.reconstruction import Camera, Shot
from uav_workflow.rasters.writer import cog
from uav_workflow.simulation.dji import develop, rgb_table
from uav_workflow.simulation.landscape import SceneSpec
from uav_workflow.simulation.materials import BANDS, GREEN, VEGETATION, cover_table, reflectance_table
from uav_workflow.simulation.path import nadir_rotation
from uav_workflow.simulation.photograph import apparent_reflectance
from uav_workflow.simulation.rededge import FULL_WELL, MOST, READ_ELECTRONS
from uav_workflow.simulation.scene import MATERIAL, Scene, make_scene
from uav_workflow.simulation.site import START, Site
from uav_workflow.simulation.sky import Light, Sky, SkyModel

Floats = NDArray[np.float32]

SIDE_M = 12
"""Whole square metres a side that are scored."""
MARGIN_M = 0.6
TEXEL_M = 0.005
DISTANCE_PX = 15_000.0
"""Focal length: a camera this many pixels above the ground sees the scene within 2 degrees of nadir at 1 cm."""
JPEG_QUALITY = 94
BAND_SHIFT_PX = 0.15
"""Standard deviation of what registration leaves between the bands of a rig, on each axis."""
BRIGHT = 0.5
"""Reflectance at which a well is full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueMeadow:
    """A painted scene and what grows on its square metres.

    Attributes
    ----------
    fvc_green, fvc_total : float64 (SIDE_M, SIDE_M)
        Shares of the ground seen from above, row 0 in the north.
    """

    scene: Scene
    light: Light
    fvc_green: NDArray[np.float64]
    fvc_total: NDArray[np.float64]


def paint(seed: int, scratch: Path, sky: Sky) -> TrueMeadow:
    """Paint a meadow of `SIDE_M` and count its texels."""
    site, half = Site(), SIDE_M / 2 + MARGIN_M
    spec = SceneSpec(seed=seed, texel_m=TEXEL_M, sun=site.sun_vector(START), base_m=site.base_m)
    scene = make_scene(spec, (-half, -half, half, half), scratch)
    classes = cover_table()[scene.looks[..., MATERIAL]]
    first_row, first_col = round(-SIDE_M / 2 / TEXEL_M) - scene.row0, round(-SIDE_M / 2 / TEXEL_M) - scene.col0
    cells = round(1 / TEXEL_M)
    inner = classes[first_row : first_row + SIDE_M * cells, first_col : first_col + SIDE_M * cells]
    blocks = inner.reshape(SIDE_M, cells, SIDE_M, cells)
    return TrueMeadow(
        scene=scene,
        light=SkyModel(sky, seed).at(0.0, site.sun(START).elevation_deg),
        fvc_green=np.isin(blocks, GREEN).mean(axis=(1, 3)),
        fvc_total=np.isin(blocks, VEGETATION).mean(axis=(1, 3)),
    )


def orthomosaic(meadow: TrueMeadow, camera: str, gsd_m: float, out: Path, seed: int) -> Path:
    """Write what a perfect mosaic of the meadow would hold: the sensor's noise, its file, and one resampling.

    Parameters
    ----------
    camera : str
        ``rgb``: 8-bit JPEG, linearised; ``rig``: five bands of 12 bits, a fraction of a pixel beside each other.
    """
    rng = np.random.default_rng((seed, 101, round(1e4 * gsd_m)))
    taken = _photograph(meadow, camera, gsd_m, rng)
    size = math.ceil(SIDE_M / gsd_m)
    grid = Grid(Site().crs, -SIDE_M / 2, SIDE_M / 2, gsd_m, size, size)
    view, shot = _camera(meadow.scene, gsd_m)
    centres = (np.arange(size) + 0.5) * gsd_m - SIDE_M / 2
    x, y = np.meshgrid(centres, -centres)
    points = np.column_stack([x.ravel(), y.ravel(), meadow.scene.terrain.height(x.ravel(), y.ravel())])
    places = view.project(shot.to_camera(points)).reshape(size, size, 2) - 0.5
    layers = []
    for plane in taken.values():
        shift = rng.normal(0, BAND_SHIFT_PX, 2) if camera == "rig" else np.zeros(2)
        at = (places + shift).astype(np.float32)
        layers.append(cv2.remap(plane, at[..., 0], at[..., 1], cv2.INTER_LINEAR))
    path = out / f"{camera}-{round(1e3 * gsd_m)}mm-{seed}.tif"
    with cog(path, grid, list(taken)) as sink:
        sink.write(Block(0, 0, size, size), np.stack(layers))
    return path


def _camera(scene: Scene, gsd_m: float) -> tuple[Camera, Shot]:
    """Return a camera so high that all its rays are steep, turned a little so that no pixel meets its texels evenly."""
    height = DISTANCE_PX * gsd_m
    size = math.ceil((SIDE_M + MARGIN_M) / gsd_m)
    camera = Camera(camera_id="high", width=size, height=size, fx=DISTANCE_PX, fy=DISTANCE_PX, cx=size / 2, cy=size / 2)
    ground = float(scene.terrain.height(np.zeros(1), np.zeros(1))[0])
    return camera, Shot(
        image="high", camera_id="high", rotation=nadir_rotation(1.0, 0.0, 0.0), centre=np.array([0, 0, ground + height])
    )


def _photograph(meadow: TrueMeadow, camera: str, gsd_m: float, rng: np.random.Generator) -> Mapping[str, Floats]:
    view, shot = _camera(meadow.scene, gsd_m)
    share = meadow.light.direct_share
    if camera == "rgb":
        seen = apparent_reflectance(meadow.scene, view, shot, rgb_table(), float(share[:3].mean()))
        rgb = develop(seen, np.ones(seen.shape[1:], np.float32), 1.0, 100, rng)
        coded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        back = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
        return dict(zip(("red", "green", "blue"), linearise(back).transpose(2, 0, 1).copy(), strict=True))
    table = reflectance_table()
    planes = {}
    for index, band in enumerate(BANDS):
        seen = apparent_reflectance(meadow.scene, view, shot, table[index : index + 1], float(share[index]))[0]
        planes[band.lower().replace(" ", "_")] = _digitised(seen, rng)
    return planes


def _digitised(reflectance: Floats, rng: np.random.Generator) -> Floats:
    """Through a well of electrons that `BRIGHT` fills, and 12 bits."""
    electrons = reflectance * np.float32(FULL_WELL / BRIGHT)
    sigma = np.sqrt(np.maximum(electrons, 0) + READ_ELECTRONS**2)
    counts = np.rint(
        (electrons + sigma * rng.standard_normal(electrons.shape, dtype=np.float32)) * (MOST / FULL_WELL / 16)
    )
    return np.asarray(np.clip(counts, 0, MOST // 16) * (16 * BRIGHT / MOST), np.float32)
