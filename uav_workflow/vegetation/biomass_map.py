"""The map of a biomass model: predictors a cell as they were a plot, block by block."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.domain.product import Json
from uav_workflow.errors import NotMade, RasterError
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog
from uav_workflow.vegetation.biomass_ladder import HarvestModel
from uav_workflow.vegetation.biomass_models import BiomassModel

Floats = NDArray[np.float64]

BANDS = ("agb_dry", "sd", "pi90_lo", "pi90_hi", "flags")
UNITS = ("g/m2", "g/m2", "g/m2", "g/m2", "1")
FLAGS: Mapping[str, int] = {"cut_at_zero": 1, "outside_training": 2, "partly_measured": 4}
"""Bits of the band flags."""
WORK_PIXELS = 1024


@dataclass(frozen=True, slots=True)
class Layer:
    """Where a predictor stands: a band of a map of the flight."""

    path: Path
    band: str


def layers_of(rasters: Mapping[str, Path]) -> dict[str, Layer]:
    """Predictor -> band of the maps (canopy_height, cover, indices) whose mean over a plot or cell it is."""
    found = {}
    if (canopy := rasters.get("canopy_height")) is not None:
        found["height_mean"] = Layer(canopy, "canopy_height")
    for kind in ("cover", "indices"):
        if (path := rasters.get(kind)) is not None:
            with Raster(path) as raster:
                names = raster.bands
            found |= {
                band if kind == "cover" else f"{band.lower()}_mean": Layer(path, band)
                for band in names
                if kind == "indices" or band == "fvc_green"
            }
    return found


@dataclass(slots=True)
class Counts:
    """Cells of the map, counted over the blocks."""

    cell_m: float
    cells: int = 0
    cut_at_zero: int = 0
    outside_training: int = 0
    total: float = 0.0
    variance: float = 0.0

    def to_json(self, model: BiomassModel) -> dict[str, Json]:
        """Facts of the map; the standard deviation of its mean keeps the site's own part."""
        sd = math.sqrt(self.variance / self.cells)
        mean_sd = model.area_mean_sd(sd, self.cells) if isinstance(model, HarvestModel) else math.nan
        return {
            "cell_m": self.cell_m,
            "cells": self.cells,
            "cut_at_zero": self.cut_at_zero,
            "outside_training": self.outside_training,
            "mean_g_m2": self.total / self.cells,
            "mean_sd_g_m2": mean_sd if math.isfinite(mean_sd) else None,
            "mean_sd_note": "the site's own part of the variance is not averaged away"
            if math.isfinite(mean_sd)
            else "not stated: how far whole sites lie off this model is not known",
        }


def write_map(
    model: BiomassModel, layers: Mapping[str, Layer], target: Path, cell_m: float, minimum_valid: float
) -> Counts:
    """Write the map on cells nested in the flight's grid, and count them.

    Raises
    ------
    NotMade
        A predictor has no map, or no cell is measured enough.
    RasterError
        The maps do not share one grid.
    """
    if missing := [name for name in model.predictors if name not in layers]:
        raise NotMade(f"biomass: the model {model.name} reads {', '.join(missing)}, of which this flight has no map")
    with ExitStack() as stack:
        sources = {name: (stack.enter_context(Raster(layers[name].path)), layers[name]) for name in model.predictors}
        fine = sources[model.predictors[0]][0].grid
        for raster, _ in sources.values():
            if raster.grid != fine:
                raise RasterError(f"{raster.path}: does not lie on the grid of the flight's other maps")
        factor = max(1, round(cell_m / fine.pixel_m))
        grid = fine.coarser(factor)
        counts = Counts(cell_m=grid.pixel_m)
        tags = {"method": model.name, "cell_m": str(grid.pixel_m)}
        # nearest: every overview pixel is a real cell, whose flags belong to its values
        with cog(target, grid, BANDS, overviews="nearest", tags=tags, units=UNITS) as sink:
            for block in grid.blocks(_cells_a_side(factor)):
                means, valid = {}, np.ones((block.height, block.width))
                for name, (raster, layer) in sources.items():
                    means[name], share = _cell_means(raster, layer.band, block, factor)
                    valid = np.minimum(valid, share)
                enough = valid >= minimum_valid - 1e-9
                predictors = {name: np.where(enough, mean, np.nan) for name, mean in means.items()}
                sink.write(block, _cells(model, predictors, valid, counts))
            if counts.cells == 0:
                raise NotMade("biomass: no cell has enough measured canopy height")
    return counts


def _cells(model: BiomassModel, predictors: Mapping[str, Floats], valid: Floats, counts: Counts) -> Floats:
    """Bands of one block of cells, NaN where a predictor is missing."""
    prediction, negative = model.predict(predictors).cut_at_zero()
    measured = np.logical_and.reduce([np.isfinite(values) for values in predictors.values()])
    outside = model.outside(predictors) & measured
    flags = (
        FLAGS["cut_at_zero"] * negative
        + FLAGS["outside_training"] * outside
        + FLAGS["partly_measured"] * (valid < 1.0 - 1e-9)
    )
    counts.cells += int(np.count_nonzero(measured))
    counts.cut_at_zero += int(np.count_nonzero(negative & measured))
    counts.outside_training += int(np.count_nonzero(outside))
    counts.total += float(prediction.agb_dry[measured].sum())
    counts.variance += float((prediction.sd[measured] ** 2).sum())
    layers = np.stack([prediction.agb_dry, prediction.sd, prediction.pi90_lo, prediction.pi90_hi, flags])
    result: Floats = np.where(measured, layers, np.nan)
    return result


def _cells_a_side(factor: int) -> int:
    """Cells of a block: a power of two, so that blocks tile the file's tiles, of about `WORK_PIXELS` pixels a side."""
    return 1 << max(0, (WORK_PIXELS // factor).bit_length() - 1)


def _cell_means(raster: Raster, band: str, block: Block, factor: int) -> tuple[Floats, Floats]:
    """Mean over the valid pixels of every cell (NaN without any), and their share of the whole cell."""
    fine: Grid = raster.grid
    row, col = block.row * factor, block.col * factor
    window = Block(row, col, min(block.height * factor, fine.height - row), min(block.width * factor, fine.width - col))
    padded = np.full((block.height * factor, block.width * factor), np.nan, dtype=np.float32)
    padded[: window.height, : window.width] = raster.band(band, window)
    cells = padded.reshape(block.height, factor, block.width, factor)
    measured = np.isfinite(cells)
    count = measured.sum(axis=(1, 3), dtype=np.float64)
    total = np.where(measured, cells, 0).sum(axis=(1, 3), dtype=np.float64)
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return mean, count / factor**2
