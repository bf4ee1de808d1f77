"""Above-ground biomass: a model of this flight's harvests or a published allometry, and its map."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.grid import Block, Grid
from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import NotMade
from uav_workflow.findings import Finding, info, warning
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog
from uav_workflow.statistics.intervals import interval_coverage
from uav_workflow.store import write_json
from uav_workflow.vegetation.biomass_models import Allometry, BiomassModel, LeaveOneOut, LinearHeight
from uav_workflow.vegetation.harvests import Harvests, read_harvests

BANDS = ("agb_dry", "sd", "pi90_lo", "pi90_hi", "flags")
UNITS = ("g/m2", "g/m2", "g/m2", "g/m2", "1")
FLAGS: Mapping[str, int] = {"cut_at_zero": 1, "outside_training": 2, "partly_measured": 4}
"""Bits of the band flags."""
TRAINING_LOO = ("loo_g_m2", "loo_sd_g_m2", "loo_pi90_lo_g_m2", "loo_pi90_hi_g_m2")
"""Columns of training.csv with what the model says of a plot when fitted without it."""
WORK_PIXELS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class BiomassSettings:
    """How biomass is made.

    Attributes
    ----------
    allometry : str or None
        Plant type of `biomass_models.ALLOMETRIES`, used when the flight has too few harvests.
    minimum_harvests : int
        Fewest harvested plots a model is fitted on; at least 4.
    minimum_valid : float
        Fewest share of measured pixels a cell needs: the same as for plots.
    """

    allometry: str | None = None
    minimum_harvests: int = 6
    minimum_valid: float = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """The model of a flight, the side of its map's cells, and what is known of it."""

    model: BiomassModel
    cell_m: float
    harvests: Harvests | None = None
    loo: LeaveOneOut | None = None
    findings: tuple[Finding, ...] = ()


def make_biomass(predictors: Path | None, canopy_height: Path, out: Path, *, settings: BiomassSettings) -> Made:
    """Write ``biomass.tif``, ``model.json`` and, for a fitted model, ``training.csv``.

    The cell of the map is the whole multiple of the pixel nearest the side of the training plots (1 m for an
    allometry): a model fitted on means over a plot holds for means over a plot. Values below 0 become 0 and are
    counted.

    Parameters
    ----------
    predictors : Path or None
        plot_predictors.parquet, when the flight has plots.
    canopy_height : Path
        canopy_height.tif.

    Raises
    ------
    NotMade
        Too few harvests and no allometry, or heights that say nothing of biomass.
    RecipeError
        No such allometry.
    """
    choice = _choose(read_harvests(predictors) if predictors is not None else None, settings)
    counts = _write_map(choice.model, canopy_height, out / "biomass.tif", choice.cell_m, settings.minimum_valid)
    card: dict[str, Json] = {**choice.model.card(), **_evidence(choice)}
    write_json(out / "model.json", card)
    if choice.harvests is not None and choice.loo is not None:
        _write_training(out / "training.csv", choice.harvests, choice.loo, choice.model)
    return Made(findings=choice.findings + _map_findings(counts), facts={"model": card, "map": counts.to_json()})


def _choose(harvests: Harvests | None, settings: BiomassSettings) -> _Choice:
    n = 0 if harvests is None else harvests.n
    if harvests is not None and n >= max(settings.minimum_harvests, 4):
        fitted = _fit(harvests)
        if isinstance(fitted, _Choice):
            return fitted
        reason = fitted
    else:
        reason = f"{n} harvested plots with a height, of at least {max(settings.minimum_harvests, 4)} needed"
    if settings.allometry is None:
        raise NotMade(f"biomass: {reason}, and neither recipe nor flight.yaml names an allometry")
    note = info(
        "biomass-allometry",
        "biomass.tif",
        f"{reason}: the published line of {settings.allometry} plants was applied; its heights are means of cell "
        "maxima of a point cloud, which lie above those of a surface model",
        "harvest plots of this flight to replace it",
    )
    return _Choice(model=Allometry(plant_type=settings.allometry), cell_m=1.0, findings=(note,))


def _fit(harvests: Harvests) -> _Choice | str:
    """Fit the linear height model, or say why it can't be."""
    try:
        model = LinearHeight.fit(harvests.height, harvests.agb)
        loo = LeaveOneOut.of(harvests.height, harvests.agb)
    except ValueError as exc:
        return f"no height model ({exc})"
    if model.slope <= 0:
        slope = f"slope {model.slope:.0f} g/m2 per m"
        return f"biomass does not rise with height on the {harvests.n} harvested plots ({slope})"
    findings = []
    if harvests.without_height:
        names = ", ".join(harvests.without_height)
        findings.append(warning("harvest-without-height", names, "harvested plots without a height were not used"))
    if loo.agreement.r2 <= 0:
        findings.append(
            warning(
                "biomass-weak",
                "model.json",
                f"left out one at a time, the plots are predicted no better than by their mean "
                f"(R2 {loo.agreement.r2:.2f}, n {model.n})",
                "use the interval, not the value",
            )
        )
    return _Choice(model=model, cell_m=harvests.side_m, harvests=harvests, loo=loo, findings=tuple(findings))


def _evidence(choice: _Choice) -> dict[str, Json]:
    """Figures of a fitted model for its card; nothing for a published one."""
    if choice.harvests is None or choice.loo is None:
        return {}
    from uav_workflow.statistics.agreement import Agreement

    fitted = choice.model.predict({"height_mean": choice.harvests.height}).agb_dry
    left_out = choice.loo.prediction
    coverage = interval_coverage(left_out.pi90_lo, left_out.pi90_hi, choice.harvests.agb)
    return {
        "plots": list(choice.harvests.plot_ids),
        "in_sample": _json(asdict(Agreement.of(fitted, choice.harvests.agb))),
        "leave_one_out": _json(asdict(choice.loo.agreement)),
        "leave_one_out_interval": _json(asdict(coverage)),
        "scope": "plots of one flight, left out one at a time: says nothing of other sites or dates",
    }


def _json(numbers: Mapping[str, float]) -> dict[str, Json]:
    return {name: None if isinstance(x, float) and not math.isfinite(x) else x for name, x in numbers.items()}


def _write_training(path: Path, harvests: Harvests, loo: LeaveOneOut, model: BiomassModel) -> None:
    """One row a training plot, with what the model says when fitted without it."""
    fitted = model.predict({"height_mean": harvests.height}).agb_dry
    one = loo.prediction
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("plot_id", "height_mean_m", "agb_dry_g_m2", "fitted_g_m2", *TRAINING_LOO))
        columns = (harvests.height, harvests.agb, fitted, one.agb_dry, one.sd, one.pi90_lo, one.pi90_hi)
        for plot_id, *row in zip(harvests.plot_ids, *columns, strict=True):
            writer.writerow((plot_id, *(repr(float(number)) for number in row)))


@dataclass(slots=True)
class _Counts:
    """Cells of the map, counted over the blocks."""

    cell_m: float
    cells: int = 0
    cut_at_zero: int = 0
    outside_training: int = 0
    total: float = 0.0

    def to_json(self) -> dict[str, Json]:
        return {
            "cell_m": self.cell_m,
            "cells": self.cells,
            "cut_at_zero": self.cut_at_zero,
            "outside_training": self.outside_training,
            "mean_g_m2": self.total / self.cells,
        }


def _write_map(model: BiomassModel, canopy: Path, target: Path, cell_m: float, minimum_valid: float) -> _Counts:
    """Write the map block by block and count its cells."""
    with Raster(canopy) as heights:
        factor = max(1, round(cell_m / heights.grid.pixel_m))
        grid = heights.grid.coarser(factor)
        counts = _Counts(cell_m=grid.pixel_m)
        tags = {"method": model.name, "cell_m": str(grid.pixel_m)}
        # nearest: every overview pixel is a real cell, whose flags belong to its values
        with cog(target, grid, BANDS, overviews="nearest", tags=tags, units=UNITS) as sink:
            for block in grid.blocks(_cells_a_side(factor)):
                height, valid = _cell_means(heights, block, factor)
                height = np.where(valid >= minimum_valid - 1e-9, height, np.nan)
                sink.write(block, _layers(model, height, valid, counts))
            if counts.cells == 0:
                raise NotMade("biomass: no cell has enough measured canopy height")
    return counts


def _layers(
    model: BiomassModel, height: NDArray[np.float64], valid: NDArray[np.float64], counts: _Counts
) -> NDArray[np.float64]:
    """Bands of one block of cells, NaN where there is no height."""
    predictors = {"height_mean": height}
    prediction, negative = model.predict(predictors).cut_at_zero()
    measured = np.isfinite(height)
    outside = model.outside(predictors) & measured
    flags = (
        FLAGS["cut_at_zero"] * negative
        + FLAGS["outside_training"] * outside
        + FLAGS["partly_measured"] * (valid < 1.0 - 1e-9)
    )
    counts.cells += int(np.count_nonzero(measured))
    counts.cut_at_zero += int(np.count_nonzero(negative))
    counts.outside_training += int(np.count_nonzero(outside))
    counts.total += float(prediction.agb_dry[measured].sum())
    layers = np.stack([prediction.agb_dry, prediction.sd, prediction.pi90_lo, prediction.pi90_hi, flags])
    result: NDArray[np.float64] = np.where(measured, layers, np.nan)
    return result


def _cells_a_side(factor: int) -> int:
    """Cells of a block: a power of two, so that blocks tile the file's tiles, of about `WORK_PIXELS` pixels a side."""
    return 1 << max(0, (WORK_PIXELS // factor).bit_length() - 1)


def _cell_means(heights: Raster, block: Block, factor: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean height over the valid pixels of every cell (NaN without any), and their share of the whole cell."""
    fine: Grid = heights.grid
    row, col = block.row * factor, block.col * factor
    window = Block(row, col, min(block.height * factor, fine.height - row), min(block.width * factor, fine.width - col))
    padded = np.full((block.height * factor, block.width * factor), np.nan, dtype=np.float32)
    padded[: window.height, : window.width] = heights.read(window)[0]
    cells = padded.reshape(block.height, factor, block.width, factor)
    measured = np.isfinite(cells)
    count = measured.sum(axis=(1, 3), dtype=np.float64)
    total = np.where(measured, cells, 0).sum(axis=(1, 3), dtype=np.float64)
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return mean, count / factor**2


def _map_findings(counts: _Counts) -> tuple[Finding, ...]:
    beyond, cut = counts.outside_training / counts.cells, counts.cut_at_zero / counts.cells
    if max(beyond, cut) <= 0.1:
        return ()
    text = f"{beyond:.0%} of the cells lie outside the heights behind the model, {cut:.0%} were cut at 0"
    return (info("biomass-extrapolated", "biomass.tif", text, "see the band flags"),)
