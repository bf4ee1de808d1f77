"""Orthomosaics against the true picture of the ground: shift, band to band registration, seams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from uav_workflow.quality.placement import Placement
from uav_workflow.quality.truth import Field
from uav_workflow.rasters.reader import Raster

FloatArray = NDArray[np.float64]
Layer = NDArray[np.float32]

PATCH = 64
"""Side of a patch, truth cells."""
BORDER = 6
"""Cells around a patch into which it may be shifted."""
SMOOTH_CELLS = 0.8
LOW_M = 0.5
"""A patch with something higher than this on it is left out: an edge that is off by a cell is the surface's error."""
LEAST_LIKENESS = 0.6
LEAST_PATCHES = 8
TURNS = 12

PICTURE = ("red", "green", "blue")


@dataclass(frozen=True, slots=True)
class Shift:
    """How far a patch lies right of and below its place, truth cells, and how alike it is to the truth there."""

    right: float
    down: float
    likeness: float


def patch_shift(made: Layer, wanted: Layer) -> Shift | None:
    """Shift of ``made`` against ``wanted`` by least squares, gain and offset free (Lucas & Kanade, 1981).

    Parameters
    ----------
    made, wanted : (rows, columns) float32
        The same size; a border of `BORDER` cells of ``wanted`` is not used.

    Returns
    -------
    Shift or None
        None where the patches are not alike or no shift inside the border is found.
    """
    inner = slice(BORDER, -BORDER)
    rows, columns = np.mgrid[0 : made.shape[0], 0 : made.shape[1]].astype(float)
    target = wanted[inner, inner].ravel().astype(float)
    down_slope, right_slope = np.gradient(made.astype(float))
    shift = np.zeros(2)
    value = target
    for _ in range(TURNS):
        at = [rows[inner, inner] + shift[0], columns[inner, inner] + shift[1]]
        value, down, right = (
            map_coordinates(layer, at, np.float64, 1, mode="nearest", prefilter=False).ravel()
            for layer in (made, down_slope, right_slope)
        )
        design = np.column_stack([target, np.ones_like(target), -down, -right])
        step = np.linalg.lstsq(design, value, rcond=None)[0][2:]
        shift += step
        if np.abs(shift).max() > BORDER - 1:
            return None
        if np.abs(step).max() < 1e-3:
            break
    if value.std() < 1e-9 or target.std() < 1e-9:
        return None
    likeness = float(np.corrcoef(value, target)[0, 1])
    return Shift(float(shift[1]), float(shift[0]), likeness) if likeness >= LEAST_LIKENESS else None


def mosaic_figures(path: Path, placement: Placement) -> dict[str, float]:
    """Shift of the mosaic in metres, and of a mosaic of many bands the registration of every band.

    Places are compared after the similarity of the cameras, over patches in the hull of the camera positions. A
    picture is compared in grey; of measured bands, green stands for the mosaic and each band is compared with its own
    truth, its shift beside that of green.

    Returns
    -------
    dict of str to float
        ``ortho_shift_m`` (mean over the patches), ``ortho_shift_p95_m``, ``ortho_patches``, and of a rig
        ``register_BAND_m``: root mean square of the difference of the two shifts.
    """
    with Raster(path) as raster:
        layers = {_plain(name): Field(raster.grid, raster.band(name)) for name in raster.bands if name != "alpha"}
    truth, true = placement.truth.raster("reflectance")
    wanted = {_plain(name): layer for name, layer in zip(truth.bands, true, strict=True)}
    if layers.keys() == set(PICTURE):
        # the picture is encoded with a gamma; likeness asks for values that go in step
        grey = np.sqrt(np.maximum(np.mean([wanted[name] for name in PICTURE], axis=0), 0))
        wanted = {"grey": grey.astype(np.float32)}
        layers = {"grey": Field(layers["red"].grid, np.mean([layer.values for layer in layers.values()], axis=0))}
    reference = "grey" if "grey" in layers else "green"
    found = _shifts(layers, wanted, placement)
    cell = placement.truth.surface.grid.pixel_m
    figures = {f"ortho_{name}": value for name, value in _lengths(found[reference] * cell).items()}
    for name in found.keys() - {reference}:
        apart = np.hypot(*(found[name] - found[reference]).T) * cell
        enough = np.isfinite(apart).sum() >= LEAST_PATCHES
        figures[f"register_{name}_m"] = float(np.sqrt(np.nanmean(apart**2))) if enough else float("nan")
    return figures


def _lengths(shifts: FloatArray) -> dict[str, float]:
    """Mean and 95th percentile of the lengths of shifts (n, 2), and how many there are; NaN of too few."""
    lengths = np.hypot(*shifts.T)
    lengths = lengths[np.isfinite(lengths)]
    if len(lengths) < LEAST_PATCHES:
        return {"shift_m": float("nan"), "shift_p95_m": float("nan"), "patches": float(len(lengths))}
    return {
        "shift_m": float(lengths.mean()),
        "shift_p95_m": float(np.percentile(lengths, 95)),
        "patches": float(len(lengths)),
    }


def _shifts(layers: Mapping[str, Field], wanted: Mapping[str, Layer], placement: Placement) -> dict[str, FloatArray]:
    """Band -> (patches, 2) shifts in truth cells, NaN where a patch was not found; the same patches for all."""
    windows = list(_patches(placement))
    shifts = {}
    for name, layer in layers.items():
        made, true = _on_truth(layer, placement), gaussian_filter(wanted[name], SMOOTH_CELLS)
        shifts[name] = np.array([_vector(made[window], true[window]) for window in windows]).reshape(-1, 2)
    return shifts


def _vector(made: Layer, wanted: Layer) -> tuple[float, float]:
    known = np.isfinite(made).all() and np.isfinite(wanted).all()
    shift = patch_shift(made, wanted) if known else None
    return (shift.right, shift.down) if shift else (np.nan, np.nan)


def _patches(placement: Placement) -> Iterator[tuple[slice, slice]]:
    """Windows of truth cells with their border, nothing tall on them, their middles in the block."""
    truth = placement.truth
    x, y = truth.surface.centres()
    rows, columns = x.shape
    side = PATCH + 2 * BORDER
    for row in range(0, rows - side + 1, PATCH):
        for col in range(0, columns - side + 1, PATCH):
            middle = row + side // 2, col + side // 2
            window = slice(row, row + side), slice(col, col + side)
            if truth.in_block(x[middle], y[middle]) and truth.above_ground[window].max() < LOW_M:
                yield window


def _on_truth(layer: Field, placement: Placement) -> Layer:
    """A layer of the mosaic at the true places of the truth's cells, smoothed as the truth is."""
    surface = placement.truth.surface
    x, y = surface.centres()
    places = placement.similarity.inverse.apply(np.stack([x, y, surface.values], axis=-1).reshape(-1, 3))
    smooth = SMOOTH_CELLS * surface.grid.pixel_m / layer.grid.pixel_m
    soft = Field(layer.grid, gaussian_filter(layer.values.astype(np.float32), smooth))
    return soft.at(places[:, 0], places[:, 1]).reshape(x.shape).astype(np.float32)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
