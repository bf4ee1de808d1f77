"""What is known of a variable in every satellite cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.product import Json
from uav_workflow.handover.aggregation import Cells, aggregate, conservation_error
from uav_workflow.handover.variables import Layer, Variable
from uav_workflow.rasters.reader import Raster

Float64 = NDArray[np.float64]

TRAINING_COVERAGE = 0.75
"""Share of a cell that must be covered to train on it; Orndahl's scripts mask 1 m and 30 m pixels at the same share."""
VALIDATION_COVERAGE = 0.9
MUCH_SHADOW = 0.25
MUCH_FLAGGED = 0.5

BANDS: Mapping[str, str] = {
    "value": "mean of the flight's valid pixels, weighted by area (by the point spread where one was asked for)",
    "sd_within": "standard deviation of the flight's pixels within the cell",
    "coverage_fraction": "share of the cell's area with valid pixels",
    "n": "valid pixels with their centre in the cell",
    "p10": "10 % of the valid pixels centred in the cell are below",
    "p90": "10 % of the valid pixels centred in the cell are above",
    "shadow_fraction": "share of the cell's area in shadow, not counted as covered",
    "missing_fraction": "share of the cell's area neither covered nor in shadow",
    "model_sd": "standard deviation of the cell's value by the model; what a whole site shares is not averaged away",
    "flagged_fraction": "share of the cell's area with a quality flag of the biomass model",
}
"""Bands of a cell map and their meaning, in the file's order."""

FLAGS: Mapping[str, tuple[int, str]] = {
    "not_for_training": (1, f"covered by less than {TRAINING_COVERAGE:.0%}"),
    "not_for_validation": (2, f"covered by less than {VALIDATION_COVERAGE:.0%}"),
    "much_shadow": (4, f"more than {MUCH_SHADOW:.0%} in shadow"),
    "much_flagged": (8, f"more than {MUCH_FLAGGED:.0%} flagged by the biomass model"),
}
"""Bits of a cell's flags: value, and what it says."""
NO_CELL = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class CellMap:
    """One variable on one grid.

    Attributes
    ----------
    planes : mapping
        Band (`BANDS`) to float64 (rows, columns); those that are known.
    facts : mapping
        For the manifest.
    """

    variable: Variable
    planes: Mapping[str, Float64]
    facts: Mapping[str, Json]

    @property
    def flags(self) -> NDArray[np.uint8]:
        """Bits of `FLAGS`; `NO_CELL` where nothing was measured."""
        coverage = self.planes["coverage_fraction"]
        nothing = np.zeros_like(coverage)
        said = {
            "not_for_training": coverage < TRAINING_COVERAGE - 1e-9,
            "not_for_validation": coverage < VALIDATION_COVERAGE - 1e-9,
            "much_shadow": self.planes.get("shadow_fraction", nothing) > MUCH_SHADOW,
            "much_flagged": self.planes.get("flagged_fraction", nothing) > MUCH_FLAGGED,
        }
        bits = sum(FLAGS[name][0] * found.astype(np.uint8) for name, found in said.items())
        result: NDArray[np.uint8] = np.where(coverage > 0, bits, NO_CELL).astype(np.uint8)
        return result


def cell_maps(variables: Sequence[Variable], grid: Grid, fwhm_cells: float | None) -> list[CellMap]:
    """Every variable on the cells of a grid; each file is read once.

    Parameters
    ----------
    fwhm_cells : float or None
        Gaussian point spread, full width at half maximum in cells; by area when None.

    Raises
    ------
    RasterError
        A map can't be read.
    UsageError
        A point spread is asked for on cells in another CRS than the maps'.
    """
    wanted: dict[Path, list[str]] = defaultdict(list)
    for variable in variables:
        for layer in (variable.value, variable.sd, variable.shadow, variable.flags):
            if layer is not None and layer.band not in wanted[layer.path]:
                wanted[layer.path].append(layer.band)
    values = {variable.value for variable in variables}
    found: dict[Layer, Cells] = {}
    for path, bands in wanted.items():
        shades = [band for band in bands if Layer(path=path, band=band) in values]
        codes = [band for band in bands if band in ("shadow", "flags")]
        made = aggregate(path, bands, grid, flags=codes, quantiles=shades, fwhm_cells=fwhm_cells)
        found |= {Layer(path=path, band=band): cells for band, cells in made.items()}
    return [_cell_map(variable, found, grid, by_area=fwhm_cells is None) for variable in variables]


def _cell_map(variable: Variable, found: Mapping[Layer, Cells], grid: Grid, *, by_area: bool) -> CellMap:
    main = found[variable.value]
    planes = {
        "value": main.mean,
        "sd_within": main.sd_within,
        "coverage_fraction": main.coverage,
        "n": main.n,
        "p10": main.p10,
        "p90": main.p90,
    }
    # shares of the whole cell, so that cover, shadow and gaps add up to one
    shadow = _share(found[variable.shadow]) if variable.shadow is not None else np.zeros(grid.shape)
    if variable.shadow is not None:
        planes["shadow_fraction"] = shadow
    planes["missing_fraction"] = np.clip(1.0 - main.coverage - shadow, 0.0, 1.0)
    if variable.sd is not None:
        planes["model_sd"] = _model_sd(variable, found[variable.sd], grid)
    if variable.flags is not None:
        planes["flagged_fraction"] = _share(found[variable.flags])
    area = float(main.coverage.sum())
    facts: dict[str, Json] = {
        "cells": int((main.coverage > 0).sum()),
        "cells_for_training": int((main.coverage >= TRAINING_COVERAGE).sum()),
        "mean": float((np.nan_to_num(main.mean) * main.coverage).sum()) / area if area > 0 else None,
        "conservation_error": conservation_error(main, grid) if by_area else None,
        "model_variance_shared": variable.shared if variable.sd is not None else None,
    }
    return CellMap(variable=variable, planes={name: planes[name] for name in BANDS if name in planes}, facts=facts)


def _share(cells: Cells) -> Float64:
    return np.nan_to_num(cells.mean) * cells.coverage


def _model_sd(variable: Variable, sd: Cells, grid: Grid) -> Float64:
    """Standard deviation of the cell's mean: one part of the pixels' errors is common, the other independent.

    With e = sd (sqrt(shared) S + sqrt(1 - shared) E), S common, E independent from pixel to pixel, the variance of the
    mean of n pixels is shared mean(sd)^2 + (1 - shared) mean(sd^2) / n.
    """
    with Raster(variable.value.path) as raster:
        pixel = raster.grid.pixel_m
    n = np.maximum(sd.coverage * (grid.pixel_m / pixel) ** 2, 1.0)
    squares = sd.mean**2 + sd.sd_within**2
    result: Float64 = np.sqrt(variable.shared * sd.mean**2 + (1.0 - variable.shared) * squares / n)
    return result
