"""Grey targets of known reflectance laid out on the ground, and what the field team notes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.errors import UsageError
from uav_workflow.simulation.materials import BANDS, INDEX, MATERIALS, TARGETS
from uav_workflow.simulation.scene import DIRECT, MATERIAL, SKY, TONE, Scene
from uav_workflow.simulation.site import Site
from uav_workflow.simulation.tables import write_table

FloatArray = NDArray[np.float64]

SIDE_M = 1.2
AROUND_M = 0.3
"""Ring that the team treads down."""
TRODDEN, FLAT = 150, 30
"""Greatest height in the ring and height of a target, `painting.UNIT_M`."""
APART_M = 2.4
SURVEY_SD_M = 0.01
RELATIVE_SD = 0.02
"""Of a reflectance measured in the field; stated in the table."""
NEUTRAL, LIT = 127, 128
"""Tone and direct light of a level surface in the sun: together 1.002 of its reflectance."""


@dataclass(frozen=True, slots=True)
class LaidTarget:
    """A target where it lies: metres east and north of the site's centre."""

    name: str
    material: str
    x: float
    y: float

    @property
    def reflectance(self) -> tuple[float, ...]:
        """True reflectance in `BANDS`."""
        return MATERIALS[INDEX[self.material]].reflectance


def lay_targets(scene: Scene, count: int, within: tuple[float, float]) -> list[LaidTarget]:
    """Lay targets on the lowest sward in a rectangle around the centre, level and unshaded.

    Raises
    ------
    UsageError
        So many find no room.
    """
    texel = scene.spec.texel_m
    side = round((SIDE_M + 2 * AROUND_M) / texel)
    grown = cv2.blur(np.asarray(scene.height, np.float32), (side, side))[:: side // 4, :: side // 4]
    x_min, _, _, y_max = scene.bounds
    rows, columns = np.indices(grown.shape) * (side // 4)
    x, y = x_min + (columns + 0.5) * texel, y_max - (rows + 0.5) * texel
    free = (np.abs(x) <= within[0] / 2) & (np.abs(y) <= within[1] / 2)
    laid: list[LaidTarget] = []
    for number in range(count):
        if not free.any():
            raise UsageError(f"{count} targets find no room in a block of {within[0]:.0f} x {within[1]:.0f} m")
        place = int(np.argmin(np.where(free, grown, np.inf)))
        east, north = float(x.flat[place]), float(y.flat[place])
        free &= np.hypot(x - east, y - north) >= APART_M
        material = TARGETS[number % len(TARGETS)]
        laid.append(LaidTarget(f"T{number + 1}", material, east, north))
        _paint(scene, laid[-1])
    return laid


def _paint(scene: Scene, target: LaidTarget) -> None:
    ring = _texels(scene, target, SIDE_M / 2 + AROUND_M)
    scene.height[ring] = np.minimum(scene.height[ring], TRODDEN)
    inner = _texels(scene, target, SIDE_M / 2)
    scene.height[inner] = FLAT
    for plane, value in ((MATERIAL, INDEX[target.material]), (TONE, NEUTRAL), (DIRECT, LIT), (SKY, 255)):
        scene.looks[(*inner, plane)] = value


def _texels(scene: Scene, target: LaidTarget, half_m: float) -> tuple[slice, slice]:
    texel = scene.spec.texel_m
    x_min, _, _, y_max = scene.bounds
    rows = [round((y_max - target.y + sign * half_m) / texel) for sign in (-1, 1)]
    columns = [round((target.x - x_min + sign * half_m) / texel) for sign in (-1, 1)]
    return slice(max(rows[0], 0), rows[1]), slice(max(columns[0], 0), columns[1])


def write_targets(out: Path, targets: Sequence[LaidTarget], site: Site, names: Sequence[str], seed: int) -> None:
    """reference_targets.csv as measured in bands ``names``, and truth/targets.csv."""
    rng = np.random.default_rng((seed, 83))
    noted, true = [], []
    for target in targets:
        place = np.array([target.x, target.y]) + site.centre
        read = place + rng.normal(0, SURVEY_SD_M, 2)
        for name in names:
            value = target.reflectance[BANDS.index(name)]
            measured = value * (1 + rng.normal(0, RELATIVE_SD))
            where = [f"{read[0]:.3f}", f"{read[1]:.3f}", site.crs, "square", SIDE_M]
            noted.append([target.name, *where, name, f"{measured:.4f}", f"{RELATIVE_SD * value:.4f}"])
            true.append([target.name, f"{place[0]:.4f}", f"{place[1]:.4f}", name, f"{value:.5f}"])
    head = ("target_id", "x", "y", "crs", "shape", "size_m", "band", "reflectance", "sd")
    write_table(out / "reference_targets.csv", head, noted)
    write_table(out / "truth" / "targets.csv", ("target_id", "x", "y", "band", "reflectance"), true)
