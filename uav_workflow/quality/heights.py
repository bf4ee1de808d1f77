"""Surface and terrain models against the true surface and ground."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.quality.placement import Placement, seen_count
from uav_workflow.quality.truth import Field, Truth
from uav_workflow.rasters.reader import Raster

FloatArray = NDArray[np.float64]

SAMPLES = 600_000
LEAST_CELLS = 200
BARE, OPEN = 1, 2
"""Of `truth.Truth.ground`."""
VIEWS = 3
GRID_STEP = 5
"""Truth cells between the places at which views and coverage are counted."""
CLIMB_M = 0.2
OVER_M = 0.05
"""What rises so far above a line of sight hides the place behind it."""


def nmad(values: FloatArray) -> float:
    """Normalised median absolute deviation (Höhle & Höhle, 2009); NaN of fewer than `LEAST_CELLS` values."""
    if values.size < LEAST_CELLS:
        return float("nan")
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def rms(values: FloatArray) -> float:
    """Root mean square; NaN of fewer than `LEAST_CELLS` values."""
    return float(np.sqrt(np.mean(values**2))) if values.size >= LEAST_CELLS else float("nan")


@dataclass(frozen=True, slots=True)
class HeightErrors:
    """Height minus truth at places inside the block, after the similarity of the cameras.

    Attributes
    ----------
    places : (n, 2) float64
        Easting and northing, metres, in the truth.
    error : (n,) float64
        Metres.
    open_ground, bare : (n,) bool
        See `truth.Truth.ground`.
    """

    places: FloatArray
    error: FloatArray
    open_ground: NDArray[np.bool_]
    bare: NDArray[np.bool_]

    def tilt(self) -> FloatArray:
        """(rise east, rise north, mean height) of the plane through the errors on open ground; NaN of too few.

        Errors over three NMAD from the median are no ground.
        """
        error, places = self.error[self.open_ground], self.places[self.open_ground]
        spread = nmad(error)
        if not np.isfinite(spread):
            return np.full(3, np.nan)
        near = np.abs(error - np.median(error)) <= 3 * max(spread, 1e-6)
        local = places[near] - places.mean(axis=0)
        design = np.column_stack([local, np.ones(len(local))])
        return np.asarray(np.linalg.lstsq(design, error[near], rcond=None)[0], float)


def height_errors(path: Path, wanted: Field, placement: Placement) -> HeightErrors:
    """Errors of a height model against ``wanted`` (surface or terrain) over the hull of the camera positions."""
    points = placement.similarity.apply(_sample(path, SAMPLES))
    truth = placement.truth
    inside = truth.in_block(points[:, 0], points[:, 1])
    points = points[inside]
    error = points[:, 2] - wanted.at(points[:, 0], points[:, 1])
    known = np.isfinite(error)
    points, error = points[known], error[known]
    seen = truth.ground.at(points[:, 0], points[:, 1], order=0)
    return HeightErrors(places=points[:, :2], error=error, open_ground=seen == OPEN, bare=seen >= BARE)


def surface_figures(path: Path, placement: Placement) -> dict[str, float]:
    """Figures of a DSM: spreads and RMSE in metres, tilt in percent, covered share."""
    found = height_errors(path, placement.truth.surface, placement)
    ground = found.error[found.open_ground]
    rise = found.tilt()
    return {
        "dsm_open_nmad_m": nmad(ground),
        "dsm_open_rmse_m": rms(ground),
        "dsm_open_median_m": float(np.median(ground)) if ground.size >= LEAST_CELLS else float("nan"),
        "dsm_rmse_m": rms(found.error),
        "dsm_over_half_metre": float((np.abs(found.error) > 0.5).mean()) if found.error.size else float("nan"),
        "dsm_residual_tilt_percent": 100 * float(np.hypot(*rise[:2])),
        "dsm_covered": covered_where_seen(path, placement),
        "open_share": float(found.open_ground.mean()) if found.error.size else float("nan"),
    }


def terrain_figures(path: Path, placement: Placement) -> dict[str, float]:
    """Figures of a DTM: RMSE where the ground is seen, and everywhere in the block, metres."""
    found = height_errors(path, placement.truth.terrain, placement)
    return {"dtm_rmse_m": rms(found.error[found.bare]), "dtm_rmse_everywhere_m": rms(found.error)}


def covered_where_seen(path: Path, placement: Placement) -> float:
    """Share of the places seen by `VIEWS` photos or more, nothing between, that have a height."""
    truth = placement.truth
    x, y = (values.ravel() for values in truth.surface.centres(GRID_STEP))
    points = np.column_stack([x, y, truth.surface.at(x, y)])
    points = points[np.isfinite(points[:, 2])]
    shots = {name: shot for name, shot in truth.shots.items() if shot.camera_id == truth.reference}
    seen = sum(
        seen_count(points, {name: shot}, truth.cameras).astype(bool) & ~_hidden(points, shot.centre, truth)
        for name, shot in shots.items()
    )
    moved = placement.similarity.inverse.apply(points[np.asarray(seen) >= VIEWS])
    if not len(moved):
        return float("nan")
    with Raster(path) as raster:
        values = Field(raster.grid, raster.read()[0])
    return float(np.isfinite(values.at(moved[:, 0], moved[:, 1], order=0)).mean())


def _hidden(points: FloatArray, eye: FloatArray, truth: Truth) -> NDArray[np.bool_]:
    """Whether something stands between each point and the eye; looked at every `CLIMB_M` of height."""
    hidden = np.zeros(len(points), bool)
    # an object uphill stands higher than its own height above the point
    tallest = 1.5 * float(np.nanmax(truth.above_ground))
    for climb in np.arange(CLIMB_M, tallest + CLIMB_M, CLIMB_M):
        share = climb / (eye[2] - points[:, 2])
        at = points + share[:, None] * (eye - points)
        with np.errstate(invalid="ignore"):
            hidden |= truth.surface.at(at[:, 0], at[:, 1], order=0) > at[:, 2] + OVER_M
    return hidden


def _sample(path: Path, count: int) -> FloatArray:
    """Valid cells of a one-band raster as points (n, 3), evenly thinned to about ``count``."""
    with Raster(path) as raster:
        step = max(1, int(np.sqrt(raster.grid.width * raster.grid.height / count)))
        parts = []
        for block in raster.grid.blocks():
            grid, values = raster.grid.window(block), raster.read(block)[0][::step, ::step]
            row, col = np.nonzero(np.isfinite(values))
            east = grid.x_min + (step * col + 0.5) * grid.pixel_m
            north = grid.y_max - (step * row + 0.5) * grid.pixel_m
            parts.append(np.stack([east, north, values[row, col].astype(float)], axis=1))
    return np.concatenate(parts)
