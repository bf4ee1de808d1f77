"""Where a mosaic lies against the truth, so that its light can be compared apart from its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.quality.mosaics import BORDER, PATCH, patch_shift
from uav_workflow.quality.similarity import Similarity
from uav_workflow.quality.truth import Field, Truth
from uav_workflow.rasters.reader import Raster

FloatArray = NDArray[np.float64]

_STEP = PATCH // 2
_LEAST_PATCHES = 8
_ROUNDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """A similarity, then an affine shift that is linear in place.

    Attributes
    ----------
    origin : float64 (2,)
    shift : float64 (3, 2)
        Metres east and north at the origin, and their change a metre east and a metre north.
    patches : int
        How many it was fitted to; with too few the shift is 0.
    """

    similarity: Similarity
    origin: FloatArray
    shift: FloatArray
    patches: int

    def apply(self, points: FloatArray) -> FloatArray:
        """True places of points (n, 3) of the mosaic."""
        moved = self.similarity.apply(points)
        away = moved[:, :2] - self.origin
        moved[:, :2] -= np.column_stack([np.ones(len(away)), away]) @ self.shift
        return moved


def settle(band: Path, truth: Truth, similarity: Similarity, name: str = "green") -> Settling:
    """Bring a mosaic onto the truth as far as an affine shift can.

    A block without ground control is bent, stretched and shifted by centimetres as a whole, which its own figures say
    (`placement`, `mosaics`). Half a metre of meadow that lies beside its place says nothing of light.

    Parameters
    ----------
    band : Path
        A raster with a band ``name``; as the truth's of that name, up to gain and offset.
    """
    raster, wanted = truth.raster("reflectance")
    true = wanted[[text.lower() for text in raster.bands].index(name)]
    grid = raster.grid
    made = _on_truth(band, name, truth, similarity)
    side = PATCH + 2 * BORDER
    places, shifts = [], []
    for row in range(0, grid.height - side + 1, _STEP):
        for col in range(0, grid.width - side + 1, _STEP):
            window = slice(row, row + side), slice(col, col + side)
            found = patch_shift(made[window], true[window]) if np.isfinite(made[window]).all() else None
            if found is not None:
                centre = (np.array([col, row]) + side / 2) * grid.pixel_m
                places.append((grid.x_min + centre[0], grid.y_max - centre[1]))
                shifts.append((found.right * grid.pixel_m, -found.down * grid.pixel_m))
    where = np.array(places).reshape(-1, 2)
    if len(where) < _LEAST_PATCHES:
        return Settling(similarity=similarity, origin=np.zeros(2), shift=np.zeros((3, 2)), patches=len(where))
    origin = where.mean(axis=0)
    design = np.column_stack([np.ones(len(where)), where - origin])
    shift = _robust(design, np.array(shifts), grid.pixel_m)
    return Settling(similarity=similarity, origin=origin, shift=shift, patches=len(where))


def _robust(design: FloatArray, shifts: FloatArray, cell_m: float) -> FloatArray:
    """Least squares with weights that fall beyond half a cell (Huber, 1964)."""
    weight = np.ones(len(design))
    found: FloatArray = np.zeros((design.shape[1], 2))
    for _ in range(_ROUNDS):
        root = np.sqrt(weight)[:, None]
        found = np.asarray(np.linalg.lstsq(design * root, shifts * root, rcond=None)[0], np.float64)
        weight = 1 / np.maximum(1.0, np.hypot(*(shifts - design @ found).T) / (0.5 * cell_m))
    return found


def _on_truth(path: Path, name: str, truth: Truth, similarity: Similarity) -> NDArray[np.float32]:
    """A band of the mosaic at the true places of the truth's cells; NaN where there is none."""
    with Raster(path) as raster:
        layer = Field(raster.grid, raster.band(name))
    surface = truth.surface
    x, y = surface.centres()
    places = similarity.inverse.apply(np.stack([x, y, surface.values], axis=-1).reshape(-1, 3))
    return layer.at(places[:, 0], places[:, 1]).reshape(x.shape).astype(np.float32)
